"""What the rungs of a ladder are made of, as data: from the teacher to a model that is a table of words.

Change a row here to change a recipe. Imports no Keras.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kerasbert.checkpoints.loading import Checkpoint
from kerasbert.config import BertConfig
from kerasbert.errors import ConfigError
from kerasbert.models.students import spread, static_size
from kerasbert.tasks.remarks import counted
from kerasbert.tasks.task import Task

TASKS = ("text-classification", "token-classification", "question-answering", "sentence-embedding")
"""The tasks whose teachers have ladders."""
SMALL = 1 / 8
"""The part of the teacher's blocks that a student of about a tenth of its time has."""
OF_STUDENT = ("checkpoint", "layers", "static", "intermediate_size", "hidden_act", "learning_rate")
"""Options of distillation that each rung has its own of."""
NO_LOSS = "the report of a ladder has figures of answers; name one of them, or leave it out"
"""Why the metric of a ladder is not the loss."""


@dataclass(frozen=True, kw_only=True)
class Student:
    """A student: what it begins as, and how long it learns.

    Attributes:
        blocks: share of the teacher's blocks that it has, at least one block.
        width: share of the teacher's width. Another one than 1 begins with new weights, which first learn the relations
            of the teacher's tokens on text (`kerasbert.runs.distill_encoder`).
        neurons: share of the neurons of the teacher's feed-forward layers.
        activation: activation of the feed-forward layers; None: the teacher's.
        table: size of a row of the tables of words and positions, as a share of the width, with a linear layer behind
            them; None: the teacher's tables.
        static: whether it is the teacher's static encoder, without blocks.
        passes: how often it learns the texts, as a factor of the option `epochs`.
        reads: how often new weights read the texts before that.
    """

    blocks: float = 1.0
    width: float = 1.0
    neurons: float = 1.0
    activation: str | None = None
    table: float | None = None
    static: bool = False
    passes: int = 1
    reads: int = 1


STUDENTS: Mapping[str, Student] = {
    "half": Student(blocks=1 / 2, passes=2),
    "few": Student(blocks=SMALL, passes=2),
    "thin": Student(blocks=SMALL, neurons=1 / 4, passes=2),
    "narrow": Student(blocks=SMALL, neurons=1 / 4, table=1 / 3, passes=2),
    "relu": Student(blocks=SMALL, neurons=1 / 4, table=1 / 3, activation="relu", passes=2),
    "half-width": Student(blocks=SMALL, width=1 / 2, passes=2, reads=3),
    "static": Student(static=True, passes=5),
}
"""The students by name. Those of blocks learn equally long, so that a step is worth its change alone."""


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A file of the ladder.

    Attributes:
        student: a key of `STUDENTS`; None: the teacher.
        pruned: whether its vocabulary is pruned to what the texts use, after it has learned.
        kept: whether it is a rung of the ladder. The others only tell what a step is worth.
    """

    student: str | None = None
    pruned: bool = False
    kept: bool = True


RUNGS: Mapping[str, Rung] = {
    "teacher": Rung(),
    "half": Rung(student="half"),
    "tenth": Rung(student="narrow", pruned=True),
    "static": Rung(student="static"),
    "few": Rung(student="few", kept=False),
    "thin": Rung(student="thin", kept=False),
    "narrow": Rung(student="narrow", kept=False),
    "relu": Rung(student="relu", kept=False),
    "half-width": Rung(student="half-width", kept=False),
}
"""The files by name, in the order in which they are made."""


@dataclass(frozen=True)
class Step:
    """What a change is worth.

    Attributes:
        before, after: the files without it and with it.
        part: the attribute of a `Student` that it is about; None: every teacher allows it.
    """

    before: str
    after: str
    part: str | None = None


STEPS: Mapping[str, Step] = {
    "fewer blocks": Step("half", "few"),
    "fewer neurons": Step("few", "thin"),
    "narrow word table": Step("thin", "narrow", "table"),
    "pruned vocabulary": Step("narrow", "tenth"),
    "ReLU": Step("narrow", "relu", "activation"),
    "half width": Step("few", "half-width", "width"),
}
"""The changes that the report compares."""


@dataclass(frozen=True)
class Plan:
    """The ladder of one teacher.

    Attributes:
        students, rungs: the rows above as far as the teacher allows them.
        steps: the changes that are compared.
        left_out: what the teacher does not allow -> why.
    """

    students: Mapping[str, Student]
    rungs: Mapping[str, Rung]
    steps: Mapping[str, Step]
    left_out: Mapping[str, str]


def check_teacher(teacher: Checkpoint, task: Task) -> None:
    """Raises ConfigError: the teacher has no ladder."""
    if task.name not in TASKS:
        raise ConfigError(f"{teacher.folder}: holds {teacher.holds}; teachers of a ladder are for {', '.join(TASKS)}")
    teacher.config.check_blocks("a ladder")


def plan_of(teacher: Checkpoint, task: Task, *, compare: bool = True) -> Plan:
    """The ladder of a teacher.

    Args:
        compare: whether to make the files that only tell what a step is worth.

    Raises:
        ConfigError: the teacher has no ladder.
    """
    check_teacher(teacher, task)
    wanted = [STUDENTS[rung.student] for rung in RUNGS.values() if rung.student and (rung.kept or compare)]
    left_out = {
        part: why
        for part, (lacks, why) in _lacking(teacher.config, task).items()
        if lacks and any(getattr(student, part) != getattr(Student, part) for student in wanted)
    }
    usual = {part: getattr(Student, part) for part in left_out}
    steps = {name: step for name, step in STEPS.items() if compare and step.part not in left_out}
    compared = {name for step in steps.values() for name in (step.before, step.after)}
    static = {name for name, student in STUDENTS.items() if student.static and "static" in left_out}
    rungs = {
        name: rung for name, rung in RUNGS.items() if (rung.kept or name in compared) and rung.student not in static
    }
    learning = {rung.student for rung in rungs.values()}
    students = {name: replace(student, **usual) for name, student in STUDENTS.items() if name in learning}
    return _without_repeats(Plan(students, rungs, steps, left_out), teacher.config)


def _without_repeats(plan: Plan, config: BertConfig) -> Plan:
    """A plan whose equal students learn once, whose equal files are made once, and whose steps change something."""
    same = {name: _counted(student, config) for name, student in plan.students.items()}
    first = {each: name for name, each in reversed(same.items())}
    rungs = {
        name: replace(rung, student=rung.student and first[same[rung.student]]) for name, rung in plan.rungs.items()
    }
    made = {(rung.student, rung.pruned): name for name, rung in reversed(rungs.items())}
    files = {name: made[rung.student, rung.pruned] for name, rung in rungs.items()}
    steps = {
        name: replace(step, before=files[step.before], after=files[step.after]) for name, step in plan.steps.items()
    }
    return replace(
        plan,
        students={name: student for name, student in plan.students.items() if first[same[name]] == name},
        rungs={name: rung for name, rung in rungs.items() if rung.kept or files[name] == name},
        steps={name: step for name, step in steps.items() if step.before != step.after},
    )


def _counted(student: Student, config: BertConfig) -> Student:
    """A student with numbers in place of the shares of its teacher."""
    return replace(
        student,
        blocks=len(blocks_of(student, config)),
        neurons=neurons_of(student, config),
        table=student.table and size_of(student, config.hidden_size),
    )


def _lacking(config: BertConfig, task: Task) -> dict[str, tuple[bool, str]]:
    """Attribute of a `Student` -> whether this teacher allows its default alone, and the reason if it does."""
    odd = config.hidden_size % 2 or config.num_attention_heads % 2 or config.intermediate_size % 2
    vectors = task.name == "sentence-embedding"
    return {
        "table": (config.model_type != "bert", f"the tables of {config.model_type} cannot be made narrow"),
        "width": (
            bool(odd or vectors),
            "a student has the width of its teacher's vectors" if vectors else "the teacher's width has no half",
        ),
        "activation": (config.hidden_act == "relu", "the teacher has ReLU already"),
        "static": ("pooling" not in task.Settings.__dataclass_fields__, f"{task.name} does not pool tokens"),
    }


def blocks_of(student: Student, config: BertConfig) -> tuple[int, ...]:
    """The places of the teacher's blocks that a student begins as."""
    depth = config.num_hidden_layers
    return spread(depth, max(1, round(depth * student.blocks)))


def neurons_of(student: Student, config: BertConfig) -> int:
    """The number of neurons of a student's feed-forward layers."""
    return max(1, round(config.intermediate_size * student.neurons))


def size_of(student: Student, width: int) -> int:
    """The size of a row of a student's narrow tables: from 2 to the width less 1."""
    return min(max(2, round(width * student.table)), width - 1)


def half_config(student: Student, config: BertConfig) -> BertConfig:
    """The configuration of a student of another width than its teacher's."""
    names = ("hidden_size", "num_attention_heads", "intermediate_size")
    sizes = {name: round(getattr(config, name) * student.width) for name in names}
    return replace(config, num_hidden_layers=len(blocks_of(student, config)), **sizes)


def said_of(plan: Plan, name: str, teacher: Checkpoint, task: Task, size: int | None) -> str:
    """What a file is made of, in words.

    Args:
        size: size of the vectors of the static student; None: the usual one.
    """
    rung, config = plan.rungs[name], teacher.config
    if rung.student is None:
        return f"the teacher, {counted(config.num_hidden_layers, 'block')}"
    student = plan.students[rung.student]
    if student.static:
        return f"no blocks, one vector of {static_size(teacher, size, task)} numbers per token"
    parts = [f"blocks {', '.join(map(str, blocks_of(student, config)))} of {config.num_hidden_layers}"]
    if student.width != 1:
        wide = half_config(student, config)
        parts = [f"{counted(wide.num_hidden_layers, 'new block')} of width {wide.hidden_size}"]
    if student.neurons != 1:
        parts.append(f"{neurons_of(student, config)} of {config.intermediate_size} neurons")
    if student.table is not None:
        parts.append(f"tables of {size_of(student, config.hidden_size)} numbers per word")
    if student.activation is not None:
        parts.append(f"activation {student.activation}")
    return ", ".join([*parts, *["pruned vocabulary"] * rung.pruned])
