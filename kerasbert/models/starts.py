"""Checkpoints in memory that students begin as: any encoder, one with narrow tables, one with another activation."""

from dataclasses import replace
from functools import partial

from kerasbert.checkpoints.huggingface import numbers
from kerasbert.checkpoints.loading import Checkpoint
from kerasbert.checkpoints.names import names_of
from kerasbert.checkpoints.stored import Stored
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.narrow import narrowed


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


def with_activation(teacher: Checkpoint, hidden_act: str) -> Checkpoint:
    """A checkpoint whose feed-forward layers have another activation, with the same weights."""
    changed = replace(teacher.config, hidden_act=hidden_act).to_dict()
    return replace(teacher, settings={**teacher.settings, **changed})
