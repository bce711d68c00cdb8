"""Checkpoints in memory that students begin as: blocks of a teacher, any encoder, one with narrow tables."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from kerasbert.checkpoints.huggingface import numbers
from kerasbert.checkpoints.loading import Checkpoint
from kerasbert.checkpoints.names import names_of
from kerasbert.checkpoints.stored import Stored
from kerasbert.errors import ConfigError
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.narrow import narrowed
from kerasbert.models.students import student_of
from kerasbert.models.thin import thinned


def checkpoint_of(encoder: BertEncoder, teacher: Checkpoint) -> Checkpoint:
    """An encoder in memory, as a checkpoint that models are made from. Nothing is written.

    Args:
        teacher: the checkpoint that the encoder was made from. It gives the tokenizer, and messages name its
            place.
    """
    known, tensors = names_of(encoder.config.model_type), {}
    for variable in encoder.weights:
        name, transposed = known.place(variable.path)
        shape = tuple(variable.shape)
        read = partial(_read, variable, transposed)
        tensors[name] = Stored(name, shape[::-1] if transposed else shape, "float32", read)
    return replace(teacher, settings=encoder.config.to_dict(), tensors=tensors, names=known)


def _read(variable, transposed: bool):
    value = numbers(variable)
    return value.T if transposed else value


def narrow_start(teacher: Checkpoint, size: int) -> Checkpoint:
    """The encoder of a checkpoint with narrow tables (`kerasbert.models.narrow.narrowed`), without its heads.

    Raises:
        ConfigError: as for `narrowed`.
    """
    return checkpoint_of(narrowed(BertEncoder.from_pretrained(teacher), size), teacher)


def blocks_start(
    teacher: Checkpoint,
    layers: int | Sequence[int] | None = None,
    *,
    intermediate_size: int | None = None,
    hidden_act: str | None = None,
) -> Checkpoint:
    """Blocks of a checkpoint with its embeddings and heads (`kerasbert.models.students.student_of`).

    Args:
        layers: the number of blocks, or their places.
        intermediate_size: neurons of a feed-forward layer, fewer than the teacher has
            (`kerasbert.models.thin.thinned`); None: the teacher's.
        hidden_act: activation of these layers, whose weights stay; None: the teacher's.

    Raises:
        ConfigError: the teacher has no such blocks, fewer neurons or a decoder, or there is no such activation.
    """
    start = student_of(teacher, layers)
    if intermediate_size is not None:
        start = thinned(start, intermediate_size)
    if hidden_act is not None:
        if teacher.pair is not None:
            raise ConfigError(f"{teacher.folder}: holds {teacher.holds}, whose activations stay; leave hidden_act out")
        changed = replace(start.config, hidden_act=hidden_act).to_dict()
        start = replace(start, settings={**start.settings, **changed})
    return start
