"""A chart of time, quality and size in HTML: one row per file, so that all names can be read."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

LEAST_SPAN = 0.04
"""Shares that differ by less are drawn on an axis of this length, because a shorter one would make noise look large."""
MOST_TICKS = 4
NEAR = 1e-6
"""A value this near to a line, in steps, stands on it."""


@dataclass(frozen=True)
class Mark:
    """A file: its name, its class in the style sheet, and the figures that are shown."""

    name: str
    style: str
    milliseconds: float
    megabytes: float
    quality: float


@dataclass(frozen=True)
class Axis:
    """A panel's axis.

    Attributes:
        ticks: the values that have a line, in rising order; the first and the last are the ends of the axis.
        say: value -> the words at its line. bend: value -> a number that is drawn in proportion.
    """

    ticks: Sequence[float]
    say: Callable[[float], str]
    bend: Callable[[float], float] = float

    def __call__(self, value: float) -> float:
        """Where a value stands, in percent of the panel's width."""
        first, last = self.bend(self.ticks[0]), self.bend(self.ticks[-1])
        return 100 * min(1.0, max(0.0, (self.bend(value) - first) / (last - first)))


def draw(marks: Sequence[Mark], *, quality: str) -> str:
    """A `<figure>` with one row per file, the fastest first: dots for time and quality, a bar for size.

    Args:
        marks: the files; qualities are from 0 to 1. quality: what they measure, which is the head of their panel.
    """
    panels = (
        ("milliseconds per text", times([mark.milliseconds for mark in marks])),
        (quality, shares([mark.quality for mark in marks])),
        ("megabytes", sizes([mark.megabytes for mark in marks])),
    )
    heads = [head for head, _ in panels]
    words = escape(f"{', '.join(heads)} of each file; the table has the numbers")
    parts = [f'<figure class="chart" role="img" aria-label="{words}">']
    parts += [_lines(axis, column) for column, (_, axis) in enumerate(panels)]
    parts += ['<span class="corner"></span>', *(f'<span class="head">{escape(head)}</span>' for head in heads)]
    time, share, size = (axis for _, axis in panels)
    for mark in sorted(marks, key=lambda mark: mark.milliseconds):
        parts.append(f'<span class="name">{escape(mark.name)}</span>')
        parts.append(_mark(mark, "mark", "left", time(mark.milliseconds), f"{mark.milliseconds:.3g} ms"))
        parts.append(_mark(mark, "mark", "left", share(mark.quality), f"{mark.quality:.2%}"))
        parts.append(_mark(mark, "bar", "width", size(mark.megabytes), f"{mark.megabytes:.3g} MB"))
    return "\n".join([*parts, "</figure>"])


def _lines(axis: Axis, column: int) -> str:
    """The lines of a panel, which stand behind all rows, and the numbers under them."""
    lines = "".join(
        f'<i style="left:{axis(tick):.1f}%"></i><span style="left:{axis(tick):.1f}%">{axis.say(tick)}</span>'
        for tick in axis.ticks
    )
    return f'<div class="lines" style="--column:{column}">{lines}</div>'


def _mark(mark: Mark, shape: str, side: str, place: float, words: str) -> str:
    title = escape(f"{mark.name}: {words}")
    return (
        f'<span class="track"><i class="{shape} {mark.style}" style="{side}:{place:.1f}%" title="{title}"></i></span>'
    )


def times(values: Sequence[float]) -> Axis:
    """A logarithmic axis from below the least value to above the largest."""
    least, most = max(min(values), 1e-3), max([*values, 1e-3])
    powers = range(math.floor(math.log10(least)) - 1, math.ceil(math.log10(most)) + 2)
    steps = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    first = max(index for index, step in enumerate(steps) if step < least)
    last = min(index for index, step in enumerate(steps) if step > most)
    ticks = steps[first : last + 1]
    if len(ticks) > MOST_TICKS:  # whole powers of ten, and of many of them some
        powers = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
        ticks = [10.0**power for power in powers[:: math.ceil(len(powers) / MOST_TICKS)]]
        ticks += [10.0 ** powers[-1]] if ticks[-1] < most else []
    return Axis(ticks, lambda tick: f"{tick:g}", lambda value: math.log10(max(value, 1e-3)))


def shares(values: Sequence[float]) -> Axis:
    """An axis around the values, none of it above 100 %. It is at least `LEAST_SPAN` long, if all are equal too."""
    least, most = min(values), max(values)
    step = _step(max(most - least, LEAST_SPAN), 2)
    last = max(math.ceil(most / step - NEAR), math.ceil(LEAST_SPAN / step - NEAR) if least >= 0 else 0)
    first = math.floor(min(least, last * step - LEAST_SPAN) / step + NEAR)
    return Axis([step * index for index in range(first, last + 1)], lambda tick: f"{tick:.0%}")


def sizes(values: Sequence[float]) -> Axis:
    """An axis from 0 to the largest value or above it."""
    most = max([*values, 1e-3])
    step = _step(most, 3)
    return Axis([step * index for index in range(math.ceil(most / step - NEAR) + 1)], lambda tick: f"{tick:g}")


def _step(span: float, count: int) -> float:
    """The smallest of ..., 1, 2, 5, 10, ... of which a span has at most `count`."""
    powers = range(math.floor(math.log10(span)) - 1, math.ceil(math.log10(span)) + 1)
    steps = (step * 10.0**power for power in powers for step in (1, 2, 5))
    return next(step for step in steps if span / step <= count + NEAR)
