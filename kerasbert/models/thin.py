"""A checkpoint whose feed-forward layers have fewer neurons, as a place to learn from."""

from dataclasses import replace

import numpy as np

from kerasbert.checkpoints.loading import Checkpoint
from kerasbert.checkpoints.stored import Stored
from kerasbert.errors import ConfigError

OF_NEURONS = ("intermediate/kernel", "intermediate/bias", "output/kernel")
"""The weights of a block that have a row or a column per neuron."""


def thinned(teacher: Checkpoint, size: int) -> Checkpoint:
    """A checkpoint whose feed-forward layers keep some of their neurons. Nothing is written.

    Each block keeps the neurons whose weights are largest: the length of its weights on the way in times the length
    of those on the way out (arXiv 1810.05270 finds that which of them stay matters less than that they learn again).

    Args:
        teacher: a checkpoint without a decoder.
        size: the number of neurons that stay in each block.

    Raises:
        ConfigError: as for `check_neurons`.
    """
    check_neurons(teacher, size)
    config = teacher.config
    tensors = dict(teacher.tensors)
    for block in range(config.num_hidden_layers):
        names = [teacher.names.place(f"block_{block}/{part}")[0] for part in OF_NEURONS]
        reads, biases, writes = (teacher.tensors[name].read() for name in names)
        worth = np.linalg.norm(reads, axis=1) * np.linalg.norm(writes, axis=0)
        stay = np.sort(np.argsort(-worth, kind="stable")[:size])
        for name, values in zip(names, (reads[stay], biases[stay], writes[:, stay]), strict=True):
            tensors[name] = Stored(name, values.shape, "float32", lambda values=values: values)
    changed = replace(config, intermediate_size=size).to_dict()
    return replace(teacher, settings={**teacher.settings, **changed}, tensors=tensors)


def check_neurons(teacher: Checkpoint, size: int) -> None:
    """Raises ConfigError: `size` is not from 1 to the number that there are, or the checkpoint has a decoder."""
    if teacher.pair is not None:
        raise ConfigError(f"{teacher.folder}: holds {teacher.holds}; only encoders are made with fewer neurons")
    most = teacher.config.intermediate_size
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= most:
        raise ConfigError(f"intermediate_size is {size!r}: use a whole number from 1 to {most}")
