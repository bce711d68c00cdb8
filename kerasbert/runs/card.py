"""What the model card of a run says beside the model's own: data, recipe and figures."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from kerasbert._version import __version__
from kerasbert.checkpoints.card import Card
from kerasbert.examples.parallel import pair_of

HELD_OUT = "val_"
"""Before the names of figures on held-out data."""
PLACES = ("train", "unlabelled", "dev", "folder")
"""What of the data and of a teacher is a path."""


def run_card(card: Card, figures: Mapping[str, float], told: Mapping[str, object], *, dev: str | Path | None) -> Card:
    """The card of a model that a run has trained.

    Args:
        card: the model's own.
        figures: where the run ended; those on held-out data begin with `HELD_OUT`.
        told: the parts of the report: "data", "recipe", "seed", "precision" and of a student "teacher"; others are left
            out here.
        dev: the file or folder with the held-out data; None for examples that come from no file.
    """
    held_out = {name.removeprefix(HELD_OUT): x for name, x in figures.items() if name.startswith(HELD_OUT)}
    shown = _named(dev) if dev else "held-out examples"
    own = {name: x for name, x in figures.items() if not name.startswith(HELD_OUT)}
    columns = {"training": own, shown: held_out} if held_out else {"training": own}
    rows = {name: {column: x[name] for column, x in columns.items() if name in x} for name in {**own, **held_out}}
    recipe = {**told["recipe"], "seed": told["seed"], "precision": told["precision"], "kerasbert": __version__}
    parts = {"Figures": rows, "Data": _without_folders(told["data"])}
    if "teacher" in told:
        parts["Teacher"] = _without_folders(told["teacher"])
    return replace(card, data=shown if held_out else "", figures=held_out, parts={**parts, "Recipe": recipe})


def _without_folders(part: Mapping[str, object]) -> dict[str, object]:
    """The names of files, not where they were on somebody's machine."""
    return {name: _named(x) if name in PLACES else x for name, x in part.items()}


def _named(path: str | Path) -> str:
    """The name of a file or a folder, or the names of two files of lines."""
    return ",".join(Path(each).name for each in pair_of(path) or [path])
