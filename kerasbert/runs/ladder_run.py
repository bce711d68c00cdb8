"""Makes a ladder: a teacher's folder and texts go in, a folder of bundles and their report comes out."""

import gc
import json
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from kerasbert.checkpoints.loading import Checkpoint
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.checkpoints.tasks import answerable_task
from kerasbert.checkpoints.vocabulary import prune_vocabulary
from kerasbert.errors import ConfigError, DataError, KerasBertError
from kerasbert.examples.readers import columns_of_texts, read_examples, read_unlabelled
from kerasbert.export.bundle import export_bundle
from kerasbert.files import write_text
from kerasbert.models.opening import model_class
from kerasbert.models.starts import blocks_start, narrow_start
from kerasbert.models.students import static_size
from kerasbert.reading import read_json
from kerasbert.runs.begun import (
    FINISHED,
    LABELLED,
    SETTINGS,
    Stopped,
    begin_settings,
    check_settings,
    files_of,
    fingerprints,
    held_by,
    is_begun,
)
from kerasbert.runs.distill import SOFT_LABELS, distill
from kerasbert.runs.distill_encoder import distill_encoder
from kerasbert.runs.distill_encoder_options import EncoderDistillOptions
from kerasbert.runs.finetune import deciding
from kerasbert.runs.ladder import Plan, Rung, Student, blocks_of, half_config, neurons_of, plan_of, said_of, size_of
from kerasbert.runs.ladder_options import OF_TEACHING, LadderOptions
from kerasbert.runs.ladder_report import Made, write_ladder_report
from kerasbert.runs.soft_labels import key_of
from kerasbert.runs.teaching import Teaching, not_empty
from kerasbert.runs.texts import texts_in
from kerasbert.runtime.manifest import NAME as MANIFEST
from kerasbert.tasks import NAMES, task_named
from kerasbert.tasks.remarks import counted
from kerasbert.tasks.task import Example, Task
from kerasbert.tasks.words import as_text
from kerasbert.training import distribution

log = logging.getLogger("kerasbert")

EVERY, MOST = 10, 1000
"""Without labelled examples, every tenth text is measured and not learned, but at most 1,000 of them, evenly spaced."""
LONGEST = 128
"""Tokens of a row when new weights read texts."""


def ladder(
    teacher: str | Path,
    train: str | Path | None,
    folder: str | Path,
    options: LadderOptions | None = None,
    *,
    progress: Callable[[str], None] = lambda step: None,
    **changes,
) -> dict:
    """Makes smaller and smaller students of a teacher, each a checked bundle with an int8 `.tflite` file.

    `folder/<rung>` are the bundles of the rungs (`kerasbert.runs.ladder.RUNGS`), and `folder/report.md` and report.json
    tell what each of them answers, weighs and takes. `folder/run` holds the students, each with the record of its run
    (`kerasbert.runs.distill`), and the files that only tell what a step is worth.

    Args:
        teacher: folder or hub id of a model with one of `kerasbert.runs.ladder.TASKS`.
        train: labelled file; None: there are unlabelled texts alone. Without `dev`, a part of these is then not
            learned, and the report tells how far a file agrees with the teacher there.
        folder: absent, empty, or a ladder to go on with.
        options, changes: a `LadderOptions`, and fields of it that are other.
        progress: called before each step of an export, with a line that describes it.

    Returns:
        The content of report.json.

    Raises:
        Stopped: by a signal, state saved. KerasBertError: one of its kinds for what cannot be read, learned, exported
            or written; what was made stays, and `resume` goes on with it.
    """
    options, folder = replace(options or LadderOptions(), **changes), Path(folder)
    is_begun(folder, options.resume)
    return make_ladder(Making.of(open_checkpoint(teacher), train, folder, options), progress)


def make_ladder(making: "Making", progress: Callable[[str], None]) -> dict:
    """`ladder`, of what is read and checked."""
    folder, begun = making.folder, is_begun(making.folder, making.options.resume)
    if begun:
        check_settings(folder / "run", making.said, mend="another --out begins a new ladder")
    with held_by(True, folder):
        if begun and (folder / "run" / FINISHED).exists():
            log.info("%s: the ladder had been finished", folder)
            return read_json(folder / "run" / FINISHED, KerasBertError)
        begin_settings(folder / "run", making.said)
        rungs, failed = making.plan.rungs, {}
        for number, name in enumerate(rungs, 1):
            log.info("file %d of %d: %s (%s)", number, len(rungs), name, making.words(name))
            try:
                making.make(name, progress)
            except KerasBertError as error:
                if rungs[name].kept or isinstance(error, Stopped):
                    raise
                failed[name] = str(error)
                log.warning("%s cannot be made: %s; the ladder goes on without it", name, error)
            gc.collect()
        report = write_ladder_report(folder, making.made(failed), progress)
        write_text(folder / "run" / FINISHED, json.dumps(report) + "\n")
        return report


def parted(texts: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """The texts to measure on, each once, and those to learn: all that are different from these."""
    different = {key_of(each): each for each in texts}
    step = max(EVERY, math.ceil(len(different) / MOST))
    measured = dict(list(different.items())[::step])
    return list(measured.values()), [each for each in texts if key_of(each) not in measured]


@dataclass(frozen=True)
class Making:
    """A ladder that is being made.

    Attributes:
        teacher, task: the teacher's checkpoint and its task.
        folder: the ladder's.
        options: of the ladder.
        plan: what the teacher allows.
        train, unlabelled: the examples to learn from.
        held_out: the examples to measure on, whose `truth` is None if there are no labelled ones.
    """

    teacher: Checkpoint
    task: Task
    folder: Path
    options: LadderOptions
    plan: Plan
    train: Sequence[Example]
    unlabelled: Sequence[Example]
    held_out: Sequence[Example]

    @classmethod
    def of(cls, teacher: Checkpoint, train: str | Path | None, folder: Path, options: LadderOptions) -> "Making":
        """Reads and checks everything that is given.

        Raises:
            KerasBertError: one of its kinds for what cannot be used. A `ConfigError` is about the options.
        """
        if not distribution.is_alone(distribution.strategy_named(options.strategy)):
            raise ConfigError(f"strategy is {options.strategy}: a ladder is made on one machine; use one or mirrored")
        task = task_named(answerable_task(teacher, NAMES))
        plan = plan_of(teacher, task, compare=options.compare)
        if any(student.static for student in plan.students.values()):
            static_size(teacher, options.size, task)
        if train is not None and options.dev is None:
            raise ConfigError("a ladder measures its rungs on held-out examples: give dev")
        read = [path and read_examples(path, task, columns=options.columns) for path in (train, options.dev)]
        labelled, held_out = (examples or [] for examples in read)
        given = []
        if options.unlabelled is not None:
            given = read_unlabelled(options.unlabelled, task, columns=columns_of_texts(task, options.columns))
        texts = not_empty(given)
        empty = len(given) - len(texts)
        if options.dev is None:
            held_out, texts = parted(texts)
        log.info(
            "%s and %s to learn from, %s to measure on, %s left out",
            *(counted(len(labelled), "labelled example"), counted(len(texts), "text")),
            *(counted(len(held_out), "example"), counted(empty, "empty text")),
        )
        if not (labelled or texts):
            raise DataError("there are no texts to learn from: give train, or two different texts as unlabelled")
        making = cls(teacher, task, folder, options, plan, labelled, texts, held_out)
        making.check()
        return making

    def check(self) -> None:
        """Raises KerasBertError: what would stop a student later, when the teacher's files are made."""
        settings, right = self.task.Settings(**self.teaching.settings), self.options.dev is not None
        self.teaching.check([*self.train, *self.unlabelled])
        for each in filter(None, (self.train, self.held_out if right else [])):
            self.task.check(each, settings)
        deciding(self.task, self.options.metric, self.held_out if right else [], settings)

    @cached_property
    def teaching(self) -> Teaching:
        """What students of blocks are taught. Each begins as other blocks than this one does."""
        return Teaching(self.teacher, self.task, self.options.of_student(checkpoint=self.teacher), self.soft_labels)

    @cached_property
    def said(self) -> dict:
        """What a ladder must keep to be the same ladder. The options are first, so that a message names them."""
        return {
            "options": self.options.recipe,
            "teacher": self.teaching.said,
            "data": fingerprints({LABELLED: self.train, "unlabelled": self.unlabelled, "dev": self.held_out}),
            "students": {name: asdict(student) for name, student in self.plan.students.items()},
            "rungs": list(self.plan.rungs),
        }

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def soft_labels(self) -> Path:
        """Where the teacher's answers are kept for all rungs."""
        return Path(self.options.soft_labels or self.run / SOFT_LABELS)

    def fields(self) -> Iterator[object]:
        """What the examples hold that are learned: texts, words and other values."""
        return (value for each in (*self.train, *self.unlabelled) for value in each.fields.values())

    def words_and_texts(self) -> list[str]:
        """The texts that are learned, and each word of those that are given as words, which are read alone too."""
        return [text for value in self.fields() for text in texts_in(value) if text.strip()]

    def documents(self) -> list[str]:
        """The texts that are learned, each in one line."""
        texts = (" ".join(as_text(value).split()) for value in self.fields() if isinstance(value, str | list))
        return list(filter(None, texts))

    def words(self, name: str) -> str:
        """What a file is made of."""
        return said_of(self.plan, name, self.teacher, self.task, self.options.size)

    def place(self, name: str) -> Path:
        """The folder of a bundle."""
        return self.folder / name if self.plan.rungs[name].kept else self.run / "tried" / name

    def made(self, failed: Mapping[str, str]) -> Made:
        """What the report is about. Args: failed: as `Made` has it."""
        labelled = self.held_out if self.options.dev is not None else ()
        taught = self.said["teacher"]
        told = {name: taught[name] for name in OF_TEACHING if name in taught}
        return Made(
            teacher=self.teacher,
            task=self.task,
            plan=self.plan,
            bundles={name: self.place(name) for name in self.plan.rungs if name not in failed},
            failed=failed,
            words={name: self.words(name) for name in self.plan.rungs},
            held_out=self.held_out,
            right=self.options.dev is not None,
            metric=self.options.metric,
            data={**files_of(train=self.train, unlabelled=self.unlabelled, dev=labelled), **self.said["data"]},
            recipe={**self.options.recipe, **told},
        )

    def make(self, name: str, progress: Callable[[str], None]) -> None:
        """Makes a bundle, unless it is there."""
        place = self.place(name)
        if (place / MANIFEST).exists():
            log.info("%s: was made before", place)
            return
        model = model_class(self.task.name).from_pretrained(
            self._model(self.plan.rungs[name]), max_length=self.options.max_length
        )
        measured = {} if self.options.dev is None else {"data": self.options.dev, "max_drop": self.options.max_drop}
        place.parent.mkdir(exist_ok=True)
        export_bundle(
            model, place, formats="tflite", quantize="int8", columns=self.options.columns, **measured, progress=progress
        )

    def _model(self, rung: Rung) -> Checkpoint | Path:
        """The model of a file, which learns now unless it has learned before."""
        if rung.student is None:
            return self.teacher
        folder = self.run / rung.student
        if not (folder / "run" / FINISHED).exists():
            self._teach(self.plan.students[rung.student], folder)
        if not rung.pruned:
            return folder
        pruned = folder.with_name(f"{rung.student}-pruned")
        if not (pruned / "config.json").exists():
            prune_vocabulary(folder, pruned, self.words_and_texts())
        return pruned

    def _teach(self, student: Student, folder: Path) -> None:
        """Teaches a student the teacher's task, or goes on with that."""
        epochs = self.options.epochs * student.passes
        given = {"epochs": epochs, "dev": self.held_out if self.options.dev else None}
        if student.static:
            given["layer_decay"] = None  # it has no blocks
        begins = self._begins(student, folder)
        options = self.options.of_student(
            **begins, **given, unlabelled=self.unlabelled or None, soft_labels=self.soft_labels, resume=True
        )
        distill(self.teacher, self.train, folder, options)

    def _begins(self, student: Student, folder: Path) -> dict:
        """What a student begins as, as options of distillation."""
        if student.static:
            return {"static": static_size(self.teacher, self.options.size, self.task)}
        if student.width != 1:
            return {"checkpoint": str(self._read(student, folder.with_name(f"{folder.name}-encoder")))}
        config = self.teacher.config
        neurons = None if student.neurons == 1 else neurons_of(student, config)
        start = blocks_start(
            self.teacher, blocks_of(student, config), intermediate_size=neurons, hidden_act=student.activation
        )
        if student.table is not None:
            start = narrow_start(start, size_of(student, config.hidden_size))
        return {"checkpoint": start}

    def _read(self, student: Student, folder: Path) -> Path:
        """The folder of an encoder with new weights that has learned the relations of the teacher's tokens on texts."""
        if (folder / "report.json").exists():
            return folder
        path, documents = self.run / "texts.txt", self.documents()
        if not path.exists():
            write_text(path, "\n\n".join(documents) + "\n")
        same = ("seed", "strategy", "precision", "save_minutes")  # its batches are small, so accumulate is left out
        config = half_config(student, self.teacher.config)
        options = EncoderDistillOptions(
            config=config,
            epochs=student.reads,
            batch_size=min(EncoderDistillOptions.batch_size, len(documents)),
            max_length=min(LONGEST, config.max_length),
            resume=(folder / "run" / SETTINGS).exists(),
            **{name: getattr(self.options, name) for name in same},
        )
        distill_encoder(self.teacher, path, folder, options)
        return folder
