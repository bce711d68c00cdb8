"""A student that begins as some blocks of its teacher."""

from collections.abc import Sequence
from dataclasses import replace

from kerasbert.checkpoints.loading import Checkpoint
from kerasbert.checkpoints.stored import Stored
from kerasbert.config import BertConfig
from kerasbert.errors import ConfigError
from kerasbert.tasks.task import Task

STATIC_SIZE = 256
"""Usual size of the vectors of a static student."""
SHARE = 3
"""A student has this part of the teacher's blocks if nobody says how many: a third."""


def usual_count(depth: int) -> int:
    """The number of a student's blocks if nobody says it: a third of the teacher's, at least 1."""
    return max(1, depth // SHARE)


def spread(depth: int, count: int) -> tuple[int, ...]:
    """The blocks that a student of `count` blocks begins as: the first, the last, and others at even distances.

    | teacher | student | blocks |
    |---|---|---|
    | 12 | 6 | 0, 2, 4, 7, 9, 11, as DistilBERT |
    | 12 | 4 | 0, 4, 7, 11 |
    | 12 | 2 | 0, 11 |
    | 6 | 3 | 0, 2, 5 |
    | 6 | 2 | 0, 5 |
    | any | 1 | 0 |

    Args:
        depth: the number of the teacher's blocks.

    Raises:
        ConfigError: `count` is not from 1 to `depth`.
    """
    if not 1 <= count <= depth:
        raise ConfigError(f"a student of {count} blocks: the teacher has {depth}; use 1 to {depth}")
    return tuple(round(place * (depth - 1) / max(1, count - 1)) for place in range(count))


def student_of(teacher: Checkpoint, layers: int | Sequence[int] | None = None) -> Checkpoint:
    """A checkpoint with some blocks of another one, its embeddings and its heads. Nothing is read or written.

    Models are made from it as from any other checkpoint, `from_pretrained(student_of(...))`. A checkpoint with a
    decoder gives as many blocks of that, at the same places.

    Args:
        teacher: `kerasbert.checkpoints.opening.open_checkpoint(folder)`.
        layers: the number of blocks (see `spread`), or the places of the blocks, counted from 0; None: `usual_count`.

    Raises:
        ConfigError: the teacher has no such blocks.
    """
    parts = {"": teacher.config} if teacher.pair is None else {"": teacher.config, "decoder/": teacher.pair.decoder}
    chosen = {part: chosen_blocks(config.num_hidden_layers, layers) for part, config in parts.items()}
    cut = {part: replace(config, num_hidden_layers=len(chosen[part])) for part, config in parts.items()}
    saved = cut[""] if teacher.pair is None else replace(teacher.pair, encoder=cut[""], decoder=cut["decoder/"])
    tensors = dict(teacher.tensors)
    for part, config in parts.items():
        tensors = _moved(teacher, tensors, part, config, chosen[part])
    return replace(teacher, settings={**teacher.settings, **saved.to_dict()}, tensors=tensors)


def static_size(teacher: Checkpoint, size: int | None = None, task: Task | None = None) -> int:
    """The size of the vectors of a teacher's static encoder.

    Args:
        size: the size that the user wants; None: `STATIC_SIZE`, or the teacher's width if that is less.
        task: the task that the static encoder learns from the teacher; None: it is not taught.

    Raises:
        ConfigError: the teacher is static itself or has no vectors of this size, or the task does not pool tokens.
    """
    teacher.config.check_blocks("a teacher")
    width = teacher.config.hidden_size
    if task is not None and "pooling" not in task.Settings.__dataclass_fields__:
        raise ConfigError(f"{task.name} does not pool the tokens of a text, so a static encoder cannot learn it")
    if task is not None and task.name == "sentence-embedding":
        if size not in (None, width):
            raise ConfigError(f"size is {size}: the vectors of {teacher.folder} have {width} numbers, so use {width}")
        return width
    if size is not None and not 1 <= size <= width:
        raise ConfigError(f"size is {size}: use 1 to {width}, the width of {teacher.folder}")
    return size or min(STATIC_SIZE, width)


def chosen_blocks(depth: int, layers: int | Sequence[int] | None) -> tuple[int, ...]:
    """The places of the blocks that `layers` names, as `student_of` takes it.

    Raises:
        ConfigError: there are none, or they are not different places from 0 to `depth - 1` in rising order.
    """
    if not depth:
        raise ConfigError("the teacher is a static encoder, which has no blocks; name a student")
    if layers is None or isinstance(layers, int):
        return spread(depth, usual_count(depth) if layers is None else layers)
    chosen = tuple(layers)
    if not chosen or list(chosen) != sorted(set(chosen)) or not 0 <= chosen[0] <= chosen[-1] < depth:
        raise ConfigError(
            f"the blocks {', '.join(map(str, chosen))}: name different ones from 0 to {depth - 1}, in rising order"
        )
    return chosen


def _moved(
    teacher: Checkpoint, tensors: dict[str, Stored], part: str, config: BertConfig, chosen: Sequence[int]
) -> dict[str, Stored]:
    """The tensors with the chosen blocks alone, at their new places. A norm behind the last block stays the last."""

    def begin(layer: str) -> str:
        return teacher.names.place(f"{part}{layer}/kernel")[0].removesuffix("weight")

    stem = begin("block_0/output").partition(".0.")[0]
    ends = begin(f"block_{config.num_hidden_layers - 1}/final_norm") if config.norm_first else None
    moved = {}
    for name, tensor in tensors.items():
        number, _, rest = name.removeprefix(f"{stem}.").partition(".")
        if not name.startswith(f"{stem}."):
            moved[name] = tensor
        elif ends and name.startswith(ends):
            moved[begin(f"block_{len(chosen) - 1}/final_norm") + name.removeprefix(ends)] = tensor
        elif int(number) in chosen:
            moved[f"{stem}.{chosen.index(int(number))}.{rest}"] = tensor
    return moved
