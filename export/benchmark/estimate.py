"""How long the rest of a benchmark will take, from the processes that have ended."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import mean


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a process costs.

    Attributes:
        opening: seconds besides its timed answers.
        answer: seconds of one answer to each text.
    """

    opening: float
    answer: float

    @classmethod
    def of(cls, seconds: float, runs: int, whole: Sequence[Sequence[float]]) -> "Cost":
        """The cost of a process.

        Args:
            seconds: how long it took.
            runs: its timed answers to each text.
            whole: their milliseconds, one list per text.
        """
        answer = sum(map(mean, whole)) / 1e3
        return cls(opening=max(0.0, seconds - runs * answer), answer=answer)

    def seconds(self, runs: int) -> float:
        return self.opening + runs * self.answer


class Estimate:
    """Estimates the time of processes by those of the same subject, else by the mean of those of its class.

    Args:
        classes: subject -> its class. Subjects of a class open alike, such as all files that need TensorFlow.
    """

    def __init__(self, classes: dict[Hashable, Hashable]):
        self.classes, self.known = classes, {}

    def order(self) -> list[Hashable]:
        """All subjects, one of each class first, so that an estimate is there as soon as possible."""
        firsts = {self.classes[subject]: subject for subject in reversed(self.classes)}.values()
        return sorted(self.classes, key=lambda subject: subject not in firsts)

    def add(self, subject: Hashable, cost: Cost) -> None:
        """Learns what a process of a subject cost."""
        self.known[subject] = cost

    def left(self, processes: Iterable[tuple[Hashable, int]]) -> float | None:
        """Seconds that processes will take; None while nothing is known of a class.

        Args:
            processes: the subject and the number of timed answers of each.
        """
        total = 0.0
        for subject, runs in processes:
            alike = [cost for other, cost in self.known.items() if self.classes[other] == self.classes[subject]]
            costs = [self.known[subject]] if subject in self.known else alike
            if not costs:
                return None
            total += mean(cost.seconds(runs) for cost in costs)
        return total
