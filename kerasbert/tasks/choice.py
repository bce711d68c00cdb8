"""What a user chooses to see of an answer."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Choice:
    """How much of an answer to show. What means nothing to a task is not in `Task.choices`.

    Attributes:
        top_k: the number of labels with the highest scores.
        threshold: labels, or entities, whose score is at least this.
        all_scores: every label with its score.
    """

    top_k: int | None = None
    threshold: float | None = None
    all_scores: bool = False
