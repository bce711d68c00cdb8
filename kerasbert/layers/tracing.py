"""Choices of spelling that a tracer makes and the layers follow while their graph is traced."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from keras import ops


@dataclass(frozen=True, kw_only=True)
class TracingOptions:
    """How the layers write mathematics that has several spellings. The defaults serve everywhere but in some files."""

    masked: float = -1e4
    """Added to the scores of padding: far below any real score, and still a number in float16."""
    square: Callable = ops.square
    """The square in the variance of `LayerNorm`."""
    column_scales: tuple | None = None
    """(word, position): what the columns of the tables in `Embeddings` are multiplied by after the look-up. For an
    exporter that gives the layer tables whose columns it has divided by the same numbers."""
    xla_cpu: bool = False
    """Whether XLA compiles the graph for a CPU, where it does not find the fast way to a linear layer's gradient."""


DEFAULTS = TracingOptions()
_OPTIONS: ContextVar[TracingOptions | None] = ContextVar("tracing_options", default=None)


def tracing_options() -> TracingOptions:
    """The choices that hold now."""
    return _OPTIONS.get() or DEFAULTS


@contextmanager
def traced_with(**changes) -> Iterator[None]:
    """Within the block, layers of this thread have other choices, fields of `TracingOptions` by name."""
    token = _OPTIONS.set(dataclasses.replace(tracing_options(), **changes))
    try:
        yield
    finally:
        _OPTIONS.reset(token)
