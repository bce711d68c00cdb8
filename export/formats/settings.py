"""Settings that every writer of model files receives."""

from collections.abc import Sequence
from dataclasses import dataclass

from kerasbert.errors import ExportError
from kerasbert.tasks.task import Example

SHORTEST = 16
"""Length of the shortest usual signature; the others are twice, four times, ... as long."""
LARGE = 200_000_000
"""Number of parameters above which every second signature is left out: LiteRT's CPU kernels hold a copy of the matrices
for each signature that is used, which is 1.2 GB of BERT-large."""


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


def signature_lengths(wanted: Sequence[int] | None, longest: int, parameters: int = 0) -> list[int]:
    """Lengths of the signatures of a `.tflite` file, the longest last.

    Args:
        wanted: lengths that the user chose, besides the longest. None: 16, 32, 64, ..., or 32, 128, 512, ... for a
            model of more than `LARGE` parameters.
        longest: the model's `max_length`.
        parameters: number of the model's parameters.

    Raises:
        ExportError: a length that the model does not take.
    """
    if wanted is None:
        each = 2 if parameters > LARGE else 1
        wanted = [SHORTEST << doubled for doubled in range(each - 1, 16, each)]
        return [length for length in wanted if length < longest] + [longest]
    wrong = [length for length in wanted if not 3 <= length <= longest]
    if wrong:
        raise ExportError(f"sequence_lengths: {wrong[0]} is not from 3 to {longest}, the model's max_length")
    return sorted({*wanted, longest})
