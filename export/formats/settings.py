"""Settings that every writer of model files receives."""

from collections.abc import Sequence
from dataclasses import dataclass

from kerasbert.errors import ExportError
from kerasbert.tasks.task import Example

SHORTEST = 16
"""Length of the shortest usual signature; the others are twice, four times, ... as long."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings that several formats share. A writer ignores those that its format has no use for."""

    lengths: Sequence[int]
    """Input lengths of the signatures, in any order. A kind of file with one signature takes the longest."""
    examples: Sequence[Example] = ()
    """Examples that calibrate integer activations beside the task's own. Texts of one kind alone would leave the ranges
    too narrow for others."""
    legacy_runtime: bool = False
    """Writes 8-bit matrices with one scale instead of one per column, which TFLite 2.9 to 2.16 need."""

    @property
    def longest(self) -> int:
        return max(self.lengths)


def signature_lengths(wanted: Sequence[int] | None, longest: int) -> list[int]:
    """Lengths of the signatures of a `.tflite` file, the longest last.

    Args:
        wanted: lengths that the user chose, besides the longest. None: 16, 32, 64, ...
        longest: the model's `max_length`.

    Raises:
        ExportError: a length that the model does not take.
    """
    if wanted is None:
        wanted = [SHORTEST << doubled for doubled in range(16)]
        return [length for length in wanted if length < longest] + [longest]
    wrong = [length for length in wanted if not 3 <= length <= longest]
    if wrong:
        raise ExportError(f"sequence_lengths: {wrong[0]} is not from 3 to {longest}, the model's max_length")
    return sorted({*wanted, longest})
