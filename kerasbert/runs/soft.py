"""Lessons and loss of a student that learns from a teacher's logits beside the right answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from kerasbert.errors import DataError
from kerasbert.models.text_model import TextModel
from kerasbert.runs.soft_labels import Answer
from kerasbert.tasks.batches import Lesson
from kerasbert.tasks.soft import with_soft_labels
from kerasbert.tasks.task import Example
from kerasbert.tasks.text_classification import NUMBER, SEVERAL
from kerasbert.training.soft_losses import soft_losses


def _label(example: Example, settings):
    return {NUMBER: 0.0, SEVERAL: []}.get(settings.problem_type, settings.labels[0])


def _tags(example: Example, settings) -> list:
    given = example.fields["text"]
    return [] if isinstance(given, str) else ["O"] * len(given)


ANY_TRUTH: Mapping[str, Callable[[Example, object], object]] = {
    "text-classification": _label,
    "token-classification": _tags,
    "question-answering": lambda example, settings: [],
}
"""Task whose students learn from logits -> an example without a right answer and settings -> a right answer of its
form. Nobody learns it: it tells the shape of the target, and which tokens count."""


@dataclass(frozen=True)
class Soft:
    """A teacher's logits for the examples of a job.

    Attributes:
        examples: the examples, some of them perhaps without a right answer.
        answers: the teacher's answer to each (`kerasbert.runs.soft_labels.outputs_of`).
        alpha, temperature: see `kerasbert.training.soft_losses.SoftLoss`.
    """

    examples: Sequence[Example]
    answers: Sequence[Answer]
    alpha: float
    temperature: float

    def loss(self, model: TextModel):
        """What the model's `compile` takes as its loss."""
        return soft_losses(model.training_graph().outputs, self.alpha, self.temperature)

    def lessons(self, model: TextModel) -> list[list[Lesson]]:
        """The rows of the examples, with right answers and the teacher's.

        A number or logits per row are the same for each window of a long text, as the right answer is.

        Raises:
            DataError: the teacher saw other tokens.
        """
        settings, truth_of = model.settings, ANY_TRUTH[model.task.name]
        examples = [
            each if each.truth is not None else replace(each, truth=truth_of(each, settings)) for each in self.examples
        ]
        places = {id(each): place for place, each in enumerate(examples)}
        graph, seen = model.training_graph(), [0] * len(examples)

        def softened(lesson: Lesson) -> Lesson:
            place = places[id(lesson.row.example)]
            number, answer = seen[place], self.answers[place]
            seen[place] += 1
            taught = {}
            for each in graph.outputs:
                rows = answer[each.name]
                if not each.by_token:
                    taught[each.name] = rows[0][0]
                elif number < len(rows) and len(rows[number]) == len(lesson.row):
                    taught[each.name] = rows[number]
                else:
                    raise DataError(f"{lesson.row.example.place}: the teacher's tokens are not the student's")
            return with_soft_labels(lesson, taught, graph, labelled=self.examples[place].truth is not None)

        return [[softened(each) for each in group] for group in model.lessons_of(examples)]
