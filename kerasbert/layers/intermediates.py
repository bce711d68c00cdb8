"""Intermediate tensors of the layers by name: they can be observed and replaced while a model computes.

A name is the path of a layer and what the layer computes there:

| name | shape |
|---|---|
| `embeddings/words` | (batch, sequence, embedding_size), the rows of the word table before anything is added |
| `embeddings/output` | (batch, sequence, embedding_size); without narrow tables this is the hidden_size |
| `block_3/attention/queries`, `keys`, `values` | (batch, heads, sequence, head size) |
| `block_3/attention/weights` | (batch, heads, queries, sequence), the softmax |
| `block_3/output` | (batch, sequence, hidden_size) |
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from fnmatch import fnmatchcase

from keras import ops

_OBSERVED: ContextVar[tuple[tuple[str, ...], dict] | None] = ContextVar("observed", default=None)
_REPLACED: ContextVar[Mapping | None] = ContextVar("replaced", default=None)


@contextmanager
def observed(*patterns: str) -> Iterator[dict]:
    """Collects tensors that are computed within the block, in this thread.

    ```python
    with observed("block_*/attention/weights") as seen:
        outputs = encoder(inputs)
    seen["block_0/attention/weights"]                 # (batch, heads, sequence, sequence)
    ```

    A function that is compiled has to contain the whole block and to return the tensors. Within a block that computes
    its activations twice to save memory (`recompute`), nothing can be observed.

    Args:
        patterns: names, in which `*` stands for any characters.

    Yields:
        A dict that is filled while the model computes, in the order of computation.

    Raises:
        ValueError: two tensors have the same name, because a layer was called twice.
    """
    seen: dict = {}
    token = _OBSERVED.set((patterns, seen))
    try:
        yield seen
    finally:
        _OBSERVED.reset(token)


@contextmanager
def replaced(tensors: Mapping) -> Iterator[None]:
    """Computes with other tensors in place of some intermediate ones, within the block and in this thread.

    Args:
        tensors: name -> a tensor of the same shape.
    """
    token = _REPLACED.set(tensors)
    try:
        yield
    finally:
        _REPLACED.reset(token)


def is_needed(layer, what: str) -> bool:
    """Whether a tensor of a layer is observed or replaced, so that no faster way may go around it."""
    return _is_observed(layer, what) or name_of(layer, what) in (_REPLACED.get() or ())


def _is_observed(layer, what: str) -> bool:
    observing = _OBSERVED.get()
    return observing is not None and any(fnmatchcase(name_of(layer, what), each) for each in observing[0])


def name_of(layer, what: str) -> str:
    """The name of what a built layer computes."""
    return f"{layer.path}/{what}"


def named(layer, what: str, x):
    """Declares an intermediate tensor of a layer. Returns it, or what replaces it."""
    replacements = _REPLACED.get()
    if replacements is not None and name_of(layer, what) in replacements:
        x = ops.cast(replacements[name_of(layer, what)], x.dtype)
    if _is_observed(layer, what):
        _, seen = _OBSERVED.get()
        name = name_of(layer, what)
        if name in seen:
            raise ValueError(f"{name} was computed twice: observe a call of the encoder alone")
        seen[name] = x
    return x
