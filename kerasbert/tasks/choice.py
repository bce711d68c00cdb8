"""What a user chooses to see of an answer."""

from dataclasses import dataclass

from kerasbert.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Choice:
    """How much of an answer to show. What means nothing to a task is not in `Task.choices`.

    Attributes:
        top_k: the number of labels with the highest scores.
        threshold: labels, or entities, whose score is at least this.
        all_scores: every label with its score.

    Raises:
        ConfigError: a number is out of its range, or `all_scores` goes with a limit.
    """

    top_k: int | None = None
    threshold: float | None = None
    all_scores: bool = False

    def __post_init__(self):
        if self.top_k is not None and self.top_k < 1:
            raise ConfigError(f"top_k is {self.top_k}: use 1 or more")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise ConfigError(f"threshold is {self.threshold}: use a number from 0 to 1")
        limits = [name for name in ("top_k", "threshold") if getattr(self, name) is not None]
        if self.all_scores and limits:
            raise ConfigError(f"all_scores shows every label; leave {limits[0]} out")
