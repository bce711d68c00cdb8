"""A file on its way through the parity gate, with what every check asks of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from kerasbert.export.gate import golden
from kerasbert.export.gate.bars import LABELS, changed_labels, unclear_below, with_excused_labels
from kerasbert.export.gate.followed import Followed
from kerasbert.export.gate.opening import Opened
from kerasbert.runtime.manifest import File
from kerasbert.runtime.pipelines import Pipeline
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.task import Example, Output


@dataclass(kw_only=True)
class Subject:
    """One file on its way through the checks.

    Attributes:
        opened: the file.
        recorded: the golden examples that this kind of file can answer.
        data, reference, max_drop: see `kerasbert.export.gate.verify.verify`.
        compiled: the outputs of LiteRT's `CompiledModel` for the recorded examples; None if the file is not run there.
        alone: the file's outputs for the recorded examples, each in a batch of its own.
        followed: what the file computes for the recorded texts, one per row, if it writes texts.
        comparable: whether its numbers can be compared with the recorded ones. They cannot if ids differ.
        answers_on_data, found_on_data: the file's answers for `data`, and the examples with its outputs; empty if it
            cannot answer them.
    """

    opened: Opened
    recorded: list[golden.Golden]
    data: Sequence[Example]
    reference: object
    max_drop: float | None
    compiled: list[Mapping] | None = None
    alone: list[Answered] = field(default_factory=list)
    followed: list[Followed] = field(default_factory=list)
    comparable: bool = True
    answers_on_data: list = field(default_factory=list)
    found_on_data: list[Answered] = field(default_factory=list)

    @classmethod
    def of(cls, opened: Opened, **options) -> "Subject":
        """Creates the subject of a file, with the recorded examples of its bundle."""
        recorded = golden.read(opened.folder, opened.pipeline.manifest.graphs)
        golden.check_fields(recorded, opened.pipeline.task, opened.folder)
        return cls(opened=opened, recorded=recorded, **options)

    @property
    def name(self) -> str:
        return self.opened.name

    @property
    def pipeline(self) -> Pipeline:
        return self.opened.pipeline

    @property
    def file(self) -> File:
        return self.pipeline.manifest.files[self.name]

    @property
    def in_scores(self) -> bool:
        """Whether the file returns scores instead of logits, as MediaPipe's classifier needs them."""
        return self.file.kind == "mediapipe" and len(self.graph_outputs) == 1

    @cached_property
    def graph_outputs(self) -> dict:
        """The outputs of the file's graphs, by name."""
        return {each.name: each for graph in self.pipeline.graphs() for each in graph.outputs}

    def answer(self, found: Answered):
        """The answer that follows from the outputs."""
        return self.pipeline.task.decode(found.example, found.rows, found.outputs, self.pipeline.settings)

    def alike(self, ours, theirs) -> bool:
        """Whether two answers count as equal."""
        return golden.alike(ours, theirs, self.pipeline.task, self.pipeline.settings)

    def hesitates(self, found: Answered, theirs: Mapping) -> bool:
        """Whether a file's answer may differ from Keras's, because it follows from unclear labels only.

        Keras's own numbers must give another answer. With the file's numbers in the places where neither has a clear
        label, they must give the file's answer.

        Args:
            found: the file's numbers. theirs: Keras's numbers in the same form.
        """
        if self.pipeline.task.probability is not None:
            return self._wavers(found, theirs)
        excused = {
            name: _excused(found.outputs[name], theirs[name], output, self.file.precision)
            for name, output in self.graph_outputs.items()
        }
        keras, ours, mixed = (
            self.answer(replace(found, outputs=outputs)) for outputs in (theirs, found.outputs, excused)
        )
        return not self.alike(ours, keras) and self.alike(ours, mixed)

    def _wavers(self, found: Answered, theirs: Mapping) -> bool:
        """The same for an answer that the numbers of several tokens make together: the probabilities of both answers
        must be close, by Keras's numbers and by the file's (`unclear_below`).
        """
        keras, ours = replace(found, outputs=theirs), found
        answers = [self.answer(each) for each in (keras, ours)]

        def lead(by: Answered) -> float:
            """How much more probable Keras's answer is than the file's."""
            given = (by.example, by.rows, by.outputs, self.pipeline.settings)
            first, other = (self.pipeline.task.probability(*given, answer) for answer in answers)
            return first - other

        hesitates, sure = unclear_below(self.file.precision)
        return not self.alike(*answers) and lead(keras) < hesitates and -lead(ours) < sure

    def kept(self, found: Answered, theirs: Mapping, answer) -> list[bool]:
        """For each token, whether a quantised file keeps Keras's label or neither has a clear one.

        Args:
            found: the file's numbers. theirs: Keras's numbers in the same form.
            answer: the recorded answer. If it does not follow from Keras's numbers, no token counts as kept.
        """
        follows = self.alike(self.answer(replace(found, outputs=theirs)), answer)
        tokens = []
        for name, output in self.graph_outputs.items():
            for pair in zip(found.outputs[name], theirs[name], strict=True):
                changed, unclear = changed_labels(*pair, output.bar, self.file.precision)
                tokens += (follows & ~np.any(changed & ~unclear, axis=-1)).tolist()
        return tokens

    @property
    def tags(self) -> bool:
        """Whether answers are made of one label per token. Such an answer differs as a whole where one token does."""
        outputs = self.graph_outputs.values()
        return all(output.axis == "token" and output.bar in LABELS for output in outputs)

    @property
    def embeds(self) -> bool:
        """Whether an answer is one vector for the text."""
        return all((output.axis, output.bar) == ("row", "vector") for output in self.graph_outputs.values())


def _excused(
    ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray], output: Output, precision: str
) -> list[np.ndarray]:
    """Keras's numbers for an example's rows, with those of a file in the places of unclear labels."""
    if output.axis == "example":
        return list(with_excused_labels(np.concatenate(ours), np.concatenate(theirs), output.bar, precision)[:, None])
    return [with_excused_labels(a, b, output.bar, precision) for a, b in zip(ours, theirs, strict=True)]
