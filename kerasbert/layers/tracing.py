"""Options for how the layers write their mathematics while a graph is traced."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from keras import ops


def one_hot(positions, length):
    """int (...) -> float32 (..., length): 1 in the place of the position, 0 elsewhere. Takes operations that GPUs have
    on phones."""
    places = ops.expand_dims(ops.cast(positions, "float32"), -1) - ops.arange(length, dtype="float32")
    return ops.relu(1.0 - ops.square(places))


@dataclass(frozen=True, kw_only=True)
class TracingOptions:
    """How the layers write mathematics that can be written in several ways. Some exported files need other values."""

    masked: float = -1e4
    """Added to the attention scores of padding. Far below any real score, and finite in float16."""
    square: Callable = ops.square
    """The function that squares, in the variance of `LayerNorm`."""
    one_hot: Callable = one_hot
    """The function that makes rows of one 1 each, for `TokensAt`."""
    column_scales: tuple | None = None
    """(word, position): factors for the columns of the `tables` of `Embeddings`, applied after the look-up, and
    before the head of masked words multiplies with the first. For an exporter that has divided the columns of the
    tables by the same numbers."""
    xla_cpu: bool = False
    """Whether XLA compiles the graph for a CPU, where its own gradient of a linear layer is slow."""
    xla: bool = False
    """Whether XLA compiles the graph."""
    recompute: bool = False
    """Whether blocks keep only their inputs for the backward pass, in training, and compute the rest again."""


DEFAULTS = TracingOptions()
_OPTIONS: ContextVar[TracingOptions | None] = ContextVar("tracing_options", default=None)


def tracing_options() -> TracingOptions:
    """The options that are in force."""
    return _OPTIONS.get() or DEFAULTS


@contextmanager
def traced_with(**changes) -> Iterator[None]:
    """Changes options within the block, in this thread. Takes fields of `TracingOptions` by name."""
    token = _OPTIONS.set(dataclasses.replace(tracing_options(), **changes))
    try:
        yield
    finally:
        _OPTIONS.reset(token)
