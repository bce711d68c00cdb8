"""A tensor as a file holds it, and the ways from a file's layout to Hugging Face's and back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasbert.errors import CheckpointError


@dataclass(frozen=True)
class Change:
    """How a tensor of a file differs from Hugging Face's, in which a kernel is (outputs, inputs).

    Attributes:
        read: the file's tensor -> Hugging Face's.
        write: Hugging Face's tensor and the number of attention heads -> the file's.
        reading, writing: what they do, in the words of reports; empty if nothing.
    """

    read: Callable[[np.ndarray], np.ndarray]
    write: Callable[[np.ndarray, int], np.ndarray]
    reading: str = ""
    writing: str = ""


def _in_heads(x: np.ndarray, heads: int) -> np.ndarray:
    return x.reshape(*x.shape[:-1], heads, -1)


AS_IT_IS = Change(lambda x: x, lambda x, heads: x)
TRANSPOSED = Change(lambda x: x.T, lambda x, heads: x.T, "transposed", "transposed")
HEADS_OUT = Change(  # (hidden, heads, size of a head)
    lambda x: x.reshape(x.shape[0], -1).T,
    lambda x, heads: _in_heads(x.T, heads),
    "heads joined, transposed",
    "transposed, heads parted",
)
HEADS_IN = Change(  # (heads, size of a head, hidden)
    lambda x: x.reshape(-1, x.shape[-1]).T,
    lambda x, heads: x.T.reshape(heads, -1, x.shape[0]),
    "heads joined, transposed",
    "transposed, heads parted",
)
HEADS_BIAS = Change(lambda x: x.reshape(-1), _in_heads, "heads joined", "heads parted")  # (heads, size of a head)


FLOATS = ("float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")


@dataclass(frozen=True)
class Stored:
    """A tensor of a file: its place and shape are known, its numbers are not read yet.

    Attributes:
        name: its name in the file.
        shape: its shape in the file.
        dtype: its type in the file, as NumPy calls it; one of `FLOATS` if it can be a weight.
        load: reads it as a float array of this shape.
        change: the way to Hugging Face's layout.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    load: Callable[[], np.ndarray]
    change: Change = AS_IT_IS

    def check_float(self, file: Path) -> None:
        """Raises CheckpointError: its numbers are not floats."""
        if self.dtype not in FLOATS:
            raise CheckpointError(
                f"{file}: {self.name} is of type {self.dtype}; kerasbert reads {', '.join(FLOATS)}: "
                "save the model without quantisation"
            )

    @property
    def canonical_shape(self) -> tuple[int, ...]:
        """Its shape in Hugging Face's layout.

        Raises:
            CheckpointError: it has another number of axes than its kind of tensor.
        """
        try:
            return self.change.read(np.broadcast_to(np.float32(0), self.shape)).shape
        except (ValueError, IndexError):
            raise CheckpointError(f"{self.name} is of shape {self.shape}, which no tensor of this name has") from None

    def read(self) -> np.ndarray:
        """Its numbers, float32, in Hugging Face's layout."""
        return self.change.read(np.asarray(self.load())).astype("float32", copy=False)


@dataclass(frozen=True)
class Written:
    """A tensor that a writer wrote.

    Attributes:
        name: its name in the new file.
        change: the way from the new file's layout to Hugging Face's.
    """

    name: str
    change: Change = AS_IT_IS


def put(tensors: dict[str, Stored], name: str, stored: Stored, file: Path) -> None:
    """Puts a tensor of a file under Hugging Face's name.

    Raises:
        CheckpointError: another tensor has the name already, or the numbers are not floats.
    """
    if name in tensors:
        raise CheckpointError(f"{file}: {stored.name} and {tensors[name].name} are one weight under two names")
    stored.check_float(file)
    tensors[name] = stored
