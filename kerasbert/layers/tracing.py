"""Options for how the layers write their mathematics while a graph is traced."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from keras import ops


@dataclass(frozen=True, kw_only=True)
class TracingOptions:
    """How the layers write mathematics that can be written in several ways. Some exported files need other values."""

    masked: float = -1e4
    """Added to the attention scores of padding. Far below any real score, and finite in float16."""
    square: Callable = ops.square
    """The function that squares, in the variance of `LayerNorm`."""
    column_scales: tuple | None = None
    """(word, position): factors for the columns of the two tables in `Embeddings`, applied after the look-up. For an
    exporter that has divided the columns of the tables by the same numbers."""
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
