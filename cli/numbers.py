"""Types of options that take numbers."""

import math
import os

import click

PER_CORE = 16
"""Largest number of processes or threads per core; more of them only fill the memory."""


class Finite:
    """A mixin for numbers, listed before click's own type, which lets NaN and infinity pass."""

    def convert(self, value, param, ctx):
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class AnyNumber(Finite, click.types.FloatParamType):
    """A number."""


class Number(Finite, click.FloatRange):
    """A number within a range."""


class Parallel(click.IntRange):
    """A number of processes or threads: at least 1, at most `PER_CORE` per core of this machine."""

    def __init__(self):
        super().__init__(min=1)

    def convert(self, value, param, ctx):
        number, most = super().convert(value, param, ctx), PER_CORE * (os.cpu_count() or 1)
        if number > most:
            self.fail(f"{number} is more than {most}, {PER_CORE} per core of this machine.", param, ctx)
        return number
