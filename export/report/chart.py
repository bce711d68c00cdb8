"""A chart of quality, time and size as an SVG that a page can hold."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 580, 310
LEFT, RIGHT, TOP, BOTTOM = 56, 182, 34, 46
"""Margins around the plot. Names stand in the right one, so that none covers a dot."""
LINE = 19
LARGEST = 22
"""Radius of the largest file's dot. Areas are proportional to megabytes."""


@dataclass(frozen=True)
class Mark:
    """A dot: its name, its class in the page's style sheet, and the figures that it shows."""

    name: str
    style: str
    milliseconds: float
    megabytes: float
    quality: float


def draw(marks: Sequence[Mark], *, quality: str) -> str:
    """An `<svg>` with one dot per file, whose names stand beside the plot.

    Args:
        marks: the dots; qualities are from 0 to 1. quality: what they measure, which names the axis.
    """
    times, shares = [mark.milliseconds for mark in marks], [mark.quality for mark in marks]
    x = _Logarithmic(min(times), max(times), LEFT, WIDTH - RIGHT)
    y = _Linear(min(shares), max(shares), HEIGHT - BOTTOM, TOP)
    most = max(mark.megabytes for mark in marks)
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(quality)} against milliseconds; the larger a dot, the larger the file">'
    ]
    for tick in x.ticks():
        at = x(tick)
        parts.append(f'<path class="grid" d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tick:g}</text>')
    for tick in y.ticks():
        at = y(tick)
        parts.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{y.say(tick)}</text>')
    parts.append(f'<text class="soft" x="{LEFT}" y="{TOP - 18}">{escape(quality)}</text>')
    parts.append(
        f'<text class="soft" x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">milliseconds per text</text>'
    )
    parts += _names(marks, x, y)
    # The largest dot first, so that none hides a smaller one.
    for mark in sorted(marks, key=lambda mark: -mark.megabytes):
        radius = max(4.0, LARGEST * math.sqrt(mark.megabytes / most))
        parts.append(
            f'<circle class="mark {mark.style}" cx="{x(mark.milliseconds):.1f}" cy="{y(mark.quality):.1f}" '
            f'r="{radius:.1f}"><title>{escape(_words(mark))}</title></circle>'
        )
    return "\n".join([*parts, "</svg>"])


def _names(marks: Sequence[Mark], x, y) -> list[str]:
    """The names in a column beside the plot, in the order of the dots from above, each with a line to its dot."""
    ordered = sorted(marks, key=lambda mark: (y(mark.quality), -mark.milliseconds))
    wanted = [y(mark.quality) for mark in ordered]
    start = min(sum(wanted) / len(wanted) - LINE * (len(wanted) - 1) / 2, HEIGHT - BOTTOM - LINE * (len(wanted) - 1))
    parts, edge = [], WIDTH - RIGHT
    for index, mark in enumerate(ordered):
        at = max(start, TOP) + index * LINE
        parts.append(
            f'<path class="lead" d="M{x(mark.milliseconds):.1f} {y(mark.quality):.1f}L{edge} {at:.1f}H{edge + 10}"/>'
        )
        parts.append(
            f'<text class="name {mark.style}" x="{edge + 15}" y="{at + 4:.1f}">{escape(mark.name)}'
            f'<tspan class="soft"> {mark.megabytes:.3g} MB</tspan></text>'
        )
    return parts


def _words(mark: Mark) -> str:
    return f"{mark.name}: {mark.quality:.2%}, {mark.milliseconds:.3g} ms, {mark.megabytes:.3g} MB"


class _Logarithmic:
    """Milliseconds -> pixels, with some room at both ends."""

    def __init__(self, least: float, most: float, start: float, end: float):
        self.least, self.most = max(least, 1e-3) / 1.6, max(most, 1e-3) * 1.6
        self.start, self.end = start, end

    def __call__(self, value: float) -> float:
        share = math.log(max(value, 1e-3) / self.least) / math.log(self.most / self.least)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """1, 2, 5, 10, 20, ..."""
        powers = range(math.floor(math.log10(self.least)), math.ceil(math.log10(self.most)) + 1)
        ticks = [step * 10.0**power for power in powers for step in (1, 2, 5)]
        return [tick for tick in ticks if self.least <= tick <= self.most]


class _Linear:
    """Shares -> pixels, with room at both ends even if all are equal."""

    def __init__(self, least: float, most: float, start: float, end: float):
        room = max(0.25 * (most - least), 0.005)
        self.least, self.most, self.start, self.end = least - room, most + room, start, end
        self.step = next(
            step * 10.0**power
            for power in range(-4, 1)
            for step in (1, 2, 5)
            if (self.most - self.least) / (step * 10.0**power) <= 6
        )

    def __call__(self, value: float) -> float:
        return self.start + (value - self.least) / (self.most - self.least) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round numbers, none above 100 %."""
        first = math.ceil(self.least / self.step)
        ticks = [index * self.step for index in range(first, math.floor(self.most / self.step) + 1)]
        return [tick for tick in ticks if tick < 1 + 1e-9]

    def say(self, tick: float) -> str:
        return f"{tick:.{0 if self.step >= 0.01 else 1 if self.step >= 0.001 else 2}%}"
