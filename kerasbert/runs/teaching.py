"""What a student is taught: the examples of a teacher, with its answers to them."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from kerasbert.checkpoints.loading import Checkpoint
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.errors import ConfigError, DataError, TokenizerError
from kerasbert.examples.readers import columns_of_texts, read_unlabelled
from kerasbert.runs.begun import LABELLED
from kerasbert.runs.distill_options import ALPHA, TEMPERATURE, DistillOptions
from kerasbert.runs.made_texts import TASKS, check_single, made_texts
from kerasbert.runs.soft import ANY_TRUTH, Soft
from kerasbert.runs.soft_labels import SoftLabels, outputs_of, text_of
from kerasbert.runs.task_settings import task_settings
from kerasbert.runs.trials import Job
from kerasbert.tasks.remarks import counted
from kerasbert.tasks.sentence_embedding import texts_of
from kerasbert.tasks.task import Example, Task
from kerasbert.tasks.text_classification import NUMBER
from kerasbert.tasks.words import as_text
from kerasbert.training import distribution

log = logging.getLogger("kerasbert")


def not_empty(examples: Sequence[Example]) -> list[Example]:
    """The examples that have a text, which is more than spaces."""
    return [
        each
        for each in examples
        if any(as_text(value).strip() for value in each.fields.values() if isinstance(value, str | list))
    ]


@dataclass(frozen=True)
class Teaching:
    """A teacher, and how a student learns from it.

    Attributes:
        teacher: the teacher's checkpoint.
        task: its task.
        options: the options of the run.
        folder: where the teacher's answers are kept.
        begins: what the student begins as, for the record: the teacher's `blocks`, or the size of its `static` encoder;
            empty for another checkpoint.

    Raises:
        ConfigError: the task is not learned from a teacher, or an option means nothing to it. TokenizerError: the
            teacher has no tokenizer.
    """

    teacher: Checkpoint
    task: Task
    options: DistillOptions
    folder: Path
    begins: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self):
        if self.task.name not in TAUGHT:
            raise ConfigError(
                f"{self.teacher.folder}: holds {self.teacher.holds}; teachers are models for {', '.join(TAUGHT)}"
            )
        for name, meant in self.meant.items():
            if getattr(self.options, name) is not None and not meant:
                raise ConfigError(f"{name} means nothing to a teacher for {self.task.name}; leave it out")
        if self.teacher.tokenizer() is None:
            raise TokenizerError(f"{self.teacher.folder}: has no tokenizer; put vocab.txt or tokenizer.json into it")

    @property
    def by_logits(self) -> bool:
        return self.task.name in ANY_TRUTH

    @property
    def meant(self) -> dict[str, bool]:
        """Whether the options of a loss mean anything to this teacher."""
        number = getattr(self._answering, "problem_type", None) == NUMBER
        return {
            "alpha": self.by_logits or self.task.name == "seq2seq",
            "temperature": self.by_logits and not number,
            "augment": self.task.name in TASKS,
        }

    @property
    def alpha(self) -> float:
        return self.options.alpha if self.options.alpha is not None else ALPHA if self.by_logits else 1.0

    @property
    def temperature(self) -> float:
        return self.options.temperature or TEMPERATURE

    @property
    def augment(self) -> int:
        return self.options.augment or 0

    @cached_property
    def student(self) -> Checkpoint:
        return open_checkpoint(self.options.checkpoint)

    @cached_property
    def _answering(self):
        """The settings with which the teacher answers."""
        found = task_settings(self.task, None, {"max_length": self.options.max_length}, self.teacher)
        if self.options.max_length is None:
            found["max_length"] = min(found["max_length"], self.student.config.max_length)
        return self.task.Settings(**found)

    @cached_property
    def settings(self) -> dict:
        """The settings of the student: the teacher's, but for what its own tokenizer tells.

        Raises:
            ConfigError: the student cannot learn from this teacher: it has another tokenizer, or another width. Or
            one of the two takes fewer tokens than `max_length`. TokenizerError: the student has no tokenizer.
        """
        names = self.task.Settings.__dataclass_fields__
        found = {name: getattr(self._answering, name) for name in names}
        tokenizer = self.student.tokenizer()
        if tokenizer is None:
            raise TokenizerError(f"{self.student.folder}: has no tokenizer; put vocab.txt or tokenizer.json into it")
        for each in (self.student, self.teacher):
            if found["max_length"] > each.config.max_length:
                raise ConfigError(
                    f"max_length is {found['max_length']}: {each.folder} takes {each.config.max_length} tokens; use "
                    f"{each.config.max_length} or less"
                )
        by_token = any(each.by_token for graph in self.task.graphs(self._answering) for each in graph.outputs)
        if self.by_logits and by_token and tokenizer.content != self.teacher.tokenizer().content:
            raise ConfigError(
                f"{self.student.folder}: its tokenizer is not that of {self.teacher.folder}, so tokens of the two "
                "cannot be matched; take a student with the same tokenizer, such as blocks of the teacher"
            )
        widths = [each.config.hidden_size for each in (self.student, self.teacher)]
        if self.task.name == "sentence-embedding" and widths[0] != widths[1]:
            raise ConfigError(
                f"{self.student.folder}: its vectors have {widths[0]} numbers, and those of {self.teacher.folder} "
                f"{widths[1]}; take a student of the same width, such as blocks of the teacher"
            )
        if found.get("pooling") == "cls" and "static" in self.begins:
            log.info("the teacher pools the first token, and its static student the mean of all tokens")
            found["pooling"] = "mean"
        elif found.get("pooling") == "cls":
            self.student.config.check_blocks("the teacher's pooling 'cls'")
        own = self.task.of_tokenizer(tokenizer) if self.task.of_tokenizer else {}
        return {**{name: value for name, value in found.items() if name != "max_target_positions"}, **own}

    @cached_property
    def _answers(self) -> SoftLabels:
        keep = text_of if self.task.name == "seq2seq" else outputs_of
        settings = self._answering
        if self.task.name == "seq2seq":
            settings = replace(settings, num_return_sequences=1, do_sample=False)
        return SoftLabels(self.teacher, self.task, settings, self.folder, keep=keep)

    @property
    def said(self) -> dict:
        """What a run keeps of it."""
        known = {name: getattr(self, name) for name, meant in self.meant.items() if meant}
        return {"folder": str(self.teacher.folder), "sha256": self._answers.hash, **self.begins, **known}

    def examples(self, labelled: Sequence[Example]) -> dict[str, Sequence[Example]]:
        """The examples to learn from, by where they come from: labelled, unlabelled or made.

        Raises:
            DataError: they cannot be read.
        """
        given = self.options.unlabelled
        if isinstance(given, str | Path):
            given = read_unlabelled(given, self.task, columns=columns_of_texts(self.task, self.options.columns))
        texts = not_empty(given or ())
        if len(texts) < len(given or ()):
            log.info("%s: %s left out", given[0].path, counted(len(given) - len(texts), "empty text"))
        texts = [replace(each, truth=None) for each in texts]
        return {LABELLED: labelled, "unlabelled": texts, "made": self._made([*labelled, *texts])}

    def _made(self, given: Sequence[Example]) -> list[Example]:
        """The texts that are made of those that are given."""
        if not self.augment:
            return []
        made = made_texts(self._single(given), self.augment, self.options.seed)
        log.info("%s made of %s", counted(len(made), "text"), counted(len(given), "example"))
        return made

    def check(self, given: Sequence[Example]) -> None:
        """Raises ConfigError: no further texts can be made of these examples, and `augment` asks for that."""
        if self.augment:
            check_single(self._single(given), self.augment)

    def _single(self, given: Sequence[Example]) -> Sequence[Example]:
        """Examples of one text each, where the teacher answers the texts of a pair one by one."""
        pairs = self.task.name == "sentence-embedding"
        return [part for each in given for part in _texts(each)] if pairs else given

    def taught(self, job: Job) -> Job:
        """The job with the teacher's answers, which are computed if they are not on disk yet, and alpha is above 0."""
        if "blocks" in self.begins:
            places, depth = self.begins["blocks"], self.teacher.config.num_hidden_layers
            blocks = f"block{'s' * (len(places) > 1)} {', '.join(map(str, places))}"
            log.info("the student begins as the teacher's %s of %d, counted from 0", blocks, depth)
        if self.alpha == 0:
            log.info("alpha is 0: the student learns right answers alone, and the teacher is not asked")
            return job
        asked = [part for each in job.examples for part in TAUGHT[self.task.name].asked(each)]
        if job.chief:
            self._answers.answer(asked)
        distribution.check_agreed(job.strategy, 0)  # the others read what the chief has written
        answers = self._answers.of(asked)
        return TAUGHT[self.task.name].job(self, job, asked, answers)


@dataclass(frozen=True)
class Way:
    """How a task is taught.

    Attributes:
        asked: an example -> the examples that the teacher answers for it.
        job: a teaching, its job, what was asked and the answers -> the job with these.
    """

    asked: Callable[[Example], list[Example]]
    job: Callable[..., Job]


def _with_logits(teaching: Teaching, job: Job, asked: Sequence[Example], answers: Sequence) -> Job:
    return replace(job, soft=Soft(job.examples, answers, teaching.alpha, teaching.temperature))


def _with_vectors(teaching: Teaching, job: Job, asked: Sequence[Example], answers: Sequence) -> Job:
    """Every text learns its teacher's vector."""
    pairs = zip(asked, answers, strict=True)
    return replace(
        job,
        examples=[
            replace(each, fields={"anchor": each.fields["text"]}, truth=answer["embedding"][0][0])
            for each, answer in pairs
        ],
    )


def _with_texts(teaching: Teaching, job: Job, asked: Sequence[Example], answers: Sequence) -> Job:
    """The teacher's texts are right answers (arXiv 1606.07947), beside them the file's own with the rest of alpha."""
    alpha, learned, empty = teaching.alpha, [], 0
    for each, answer in zip(job.examples, answers, strict=True):
        text = answer["text"][0].tobytes().decode()
        own = each.truth is not None and alpha < 1
        empty += not text.strip()
        if text.strip():
            learned.append(replace(each, truth=text, weight=alpha if alpha < 1 else None))
        if own:
            learned.append(replace(each, weight=1 - alpha))
    if empty:
        log.info("the teacher wrote nothing for %s; %s", counted(empty, "text"), "they teach nothing")
    if not learned:
        raise DataError("the teacher wrote nothing, and there are no right answers; there is nothing to learn")
    return replace(job, examples=learned)


def _texts(example: Example) -> list[Example]:
    """The texts of an example of sentence embedding, each on its own."""
    texts = texts_of(example) if "anchor" in example.fields else [example.fields["text"]]
    return [replace(example, fields={"text": text}, truth=None) for text in texts]


TAUGHT: Mapping[str, Way] = {
    **dict.fromkeys(ANY_TRUTH, Way(lambda example: [example], _with_logits)),
    "sentence-embedding": Way(_texts, _with_vectors),
    "seq2seq": Way(lambda example: [replace(example, truth=None)], _with_texts),
}
"""The tasks that a student can learn from a teacher."""
