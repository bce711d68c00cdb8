"""Draws peers.svg, the chart of the README, from the figures below: python tests/bench/peers.py

The figures are measured elsewhere and copied here: those of BULK come from tests/bench/bulk.py, those of SINGLE from
tests/bench/edge.py. After a new measurement, edit the tables and `MEASURED`, and run the script.
"""

from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

PICTURE = Path(__file__).with_name("peers.svg")
OURS, OTHERS = "#2a6f97", "#b8bec4"


@dataclass(frozen=True)
class Bar:
    """One contender, with the least and the largest figure of its runs."""

    name: str
    low: float
    high: float
    ours: bool = False

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2


MEASURED = {
    "bulk": "1,066 film reviews, MiniLM embeddings;\none and two threads of a CPU with AMX and VNNI, November 2026",
    "single": "BERT-base, one text of 128 tokens;\none thread of a CPU with AMX and VNNI, November 2026",
}
BULK = (
    Bar("kerasbert .tflite int8", 673, 682, ours=True),
    Bar("kerasbert .onnx int8", 411, 463, ours=True),
    Bar("kerasbert .onnx float32", 244, 256, ours=True),
    Bar("sentence-transformers", 167, 188),
    Bar("kerasbert .tflite float32", 113, 133, ours=True),
)
SINGLE = (
    Bar("kerasbert .tflite int8", 37, 42, ours=True),
    Bar("KerasHub, TFLite int8", 45, 45),
    Bar("OpenVINO int8", 54, 54),
    Bar("kerasbert .onnx int8", 78, 78, ours=True),
    Bar("transformers, ONNX Runtime int8", 93, 93),
)


def draw(picture: Path) -> None:
    """Both charts side by side, as an SVG whose text stays text."""
    settings = {"svg.fonttype": "none", "svg.hashsalt": "peers", "font.family": "sans-serif", "font.size": 9}
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(11, 2.7), layout="constrained")
        left, right = figure.subplots(1, 2)
        panel(left, BULK, "Texts per CPU-second (more is better)", MEASURED["bulk"])
        panel(right, SINGLE, "Milliseconds per text (less is better)", MEASURED["single"])
        figure.savefig(picture, metadata={"Date": None}, format=picture.suffix[1:])


def panel(axes, bars: tuple[Bar, ...], title: str, measured: str) -> None:
    """One horizontal bar per contender; a line over its end shows the range of its runs."""
    largest = max(bar.high for bar in bars)
    for place, bar in enumerate(reversed(bars)):
        axes.barh(place, bar.middle, height=0.6, color=OURS if bar.ours else OTHERS)
        if bar.low != bar.high:
            axes.plot([bar.low, bar.high], [place, place], color="black", linewidth=1)
        axes.text(bar.high + largest * 0.02, place, figures(bar), va="center")
    axes.set_yticks(range(len(bars)), [bar.name for bar in reversed(bars)])
    axes.set_xlim(0, largest * 1.2)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axes.set_xlabel(measured, loc="left", fontsize=7.5, color="#555555")
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)


def figures(bar: Bar) -> str:
    """The figure beside a bar, such as "45" or "37 to 42"."""
    return f"{bar.low:g}" if bar.low == bar.high else f"{bar.low:g} to {bar.high:g}"


if __name__ == "__main__":
    draw(PICTURE)
