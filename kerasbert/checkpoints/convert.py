"""Converts a checkpoint of any format into another one, tensor by tensor, without building a model."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasbert.checkpoints.derived import keep_page
from kerasbert.checkpoints.formats import FORMATS, WRITTEN
from kerasbert.checkpoints.loading import Checkpoint
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.checkpoints.stored import Stored, Written
from kerasbert.errors import CheckpointError, ConfigError
from kerasbert.files import new_folder

AS_IT_IS, NOT_WRITTEN = "as it is", "not written"


@dataclass(frozen=True)
class Row:
    """A tensor of the source in the report of a conversion.

    Attributes:
        source: its name in the source.
        target: its name in what was written; None if it was not written.
        how: what was done to it, or why it was not written.
    """

    source: str
    target: str | None
    how: str


@dataclass(frozen=True)
class Conversion:
    """What a conversion did.

    Attributes:
        source, target: the names of the two formats.
        task: what the checkpoint holds, in words.
        read_as: what the new folder is read as. It differs from `task` if the format has no place for what tells it,
            such as the modules of sentence-transformers.
        rows: every tensor of the source.
        tokenizer: whether the source has a tokenizer.
    """

    source: str
    target: str
    task: str
    read_as: str
    rows: tuple[Row, ...]
    tokenizer: bool

    def counts(self) -> dict[str, int]:
        """What was done -> to how many tensors."""
        return dict(Counter(row.how if row.target else NOT_WRITTEN for row in self.rows))


def convert(path: str | Path, folder: str | Path, *, to: str, approximate: bool = False) -> Conversion:
    """Writes the checkpoint in `path` as a new folder of another format, and compares the two tensor by tensor.

    The files of the licence come along, and so does README.md if the format stays the same. A folder of another format
    gets a page of its own, with the licence that the head of the source's page names.

    Args:
        path: a folder of any format, or a hub id.
        folder: absent or empty.
        to: one of `kerasbert.checkpoints.formats.WRITTEN`.
        approximate: whether a model may be written that the format's own library computes slightly differently, such as
            one with the exact gelu for KerasHub's BERT.

    Raises:
        CheckpointError: a tensor is missing, unexpected, or of another shape, or the format has no place for the model.
            Nothing is written then.
        ConfigError: the configuration cannot be read, or `to` is no format that is written.
        KerasBertError: `folder` cannot be written.
    """
    if to not in WRITTEN:
        raise ConfigError(f"to is {to!r:.80}: use one of {', '.join(WRITTEN)}")
    checkpoint = open_checkpoint(path)
    if checkpoint.pair and to != "hf":
        raise CheckpointError(
            f"{checkpoint.folder}: holds {checkpoint.holds}, and {FORMATS[to].said} has no place for a decoder: use hf"
        )
    if (checkpoint.pair or checkpoint.config).is_foreign:
        raise CheckpointError(f"{checkpoint.folder}: holds a model that has no place in other formats; use it as it is")
    checkpoint.check_whole()
    tokenizer = checkpoint.tokenizer()
    formats = FORMATS[checkpoint.format].said, FORMATS[to].said
    with new_folder(folder) as building:
        written = FORMATS[to].module.write(checkpoint, building, approximate=approximate)
        copy = FORMATS[to].module.read(building)
        _check_equal(checkpoint, copy, written)
        read_as = copy.holds
        said = f"This is {checkpoint.base.title}. kerasbert converted it from {formats[0]} to {formats[1]}."
        keep_page(checkpoint, copy, folder, said)
    tied = checkpoint.names.tied
    rows = [_row(stored, written.get(name), tied.get(name)) for name, stored in checkpoint.tensors.items()]
    rows += [Row(name, None, why) for name, why in checkpoint.skipped.items()]
    return Conversion(*formats, checkpoint.holds, read_as, tuple(rows), tokenizer is not None)


def _check_equal(checkpoint: Checkpoint, copy: Checkpoint, written: dict[str, Written]) -> None:
    """Raises CheckpointError: a tensor holds NaN, or is not read back bit for bit as it was written."""
    for name in written:
        ours, theirs = checkpoint.read(name), copy.read(name)
        if not np.isfinite(ours).all():
            raise CheckpointError(
                f"{checkpoint.folder}: {checkpoint.tensors[name].name} holds NaN or infinity; fetch it again"
            )
        if ours.shape != theirs.shape or not np.array_equal(ours.view("uint32"), theirs.view("uint32")):
            raise CheckpointError(f"{copy.folder}: {name} is not read back as it was written; please report it")


def _row(stored: Stored, written: Written | None, original: str | None) -> Row:
    """A row of the report. Args: original: the tensor that this one is a copy of."""
    if written is None:
        return Row(stored.name, None, f"a copy of {original}" if original else "the format has no place for it")
    done = f"{stored.change.reading}, {written.change.writing}" if stored.change is not written.change else ""
    steps = [step for step in done.replace("transposed, transposed", "").split(", ") if step]  # twice is not at all
    return Row(stored.name, written.name, ", ".join(steps) or AS_IT_IS)
