"""Parallel text: two files whose lines belong together, a source and its target."""

import gzip
import logging
import zlib
from pathlib import Path

from kerasbert.errors import DataError
from kerasbert.reading import decode, read_bytes
from kerasbert.tasks.remarks import counted
from kerasbert.tasks.task import Example, Task

log = logging.getLogger("kerasbert")


def pair_of(path: str | Path) -> list[str] | None:
    """The two files that a name such as "train.en,train.de" means; None for another name, or one of a file."""
    names = str(path).split(",")
    return names if len(names) == 2 and all(names) and not Path(path).exists() else None


def read_parallel(source: str | Path, target: str | Path, task: Task) -> list[Example]:
    """Reads pairs of lines, such as those of train.en and train.de. Files named `.gz` are unpacked.

    Pairs with an empty side are left out, and a line counts them.

    Args:
        source, target: the files, UTF-8; a byte-order mark is skipped. Only a line feed ends a line.
        task: a task whose examples have one text and a right answer.

    Raises:
        DataError: a file cannot be read, the files have different numbers of lines, no pair is left, or the task's
            examples have more than a text.
    """
    paths = Path(source), Path(target)
    required = [each.name for each in task.fields if each.required]
    if not task.truths or len(required) > 1:
        listed = " and ".join((*required, "an answer" if task.truths else "no answer"))
        raise DataError(f"{paths[0]}: two files hold a text and its answer, but {task.name} has {listed}")
    texts, rights = map(_lines, paths)
    if len(texts) != len(rights):
        raise DataError(
            f"{paths[0]}: {counted(len(texts), 'line')}, but {paths[1]} has {len(rights)}; line by line they must "
            "belong together"
        )
    name = task.fields[0].name
    pairs = list(enumerate(zip(texts, rights, strict=True), 1))
    examples = [Example({name: text}, right, line, str(paths[0])) for line, (text, right) in pairs if text and right]
    empty = [line for line, pair in pairs if not all(pair)]
    if not examples:
        raise DataError(f"{paths[0]}: no line has a text both here and in {paths[1]}")
    if empty:
        log.warning(
            "%s and %s: %s (the first is line %d) left out, because a side is empty",
            *paths,
            counted(len(empty), "pair"),
            empty[0],
        )
    return examples


def _lines(path: Path) -> list[str]:
    """The lines of a file without the spaces around them.

    Raises:
        DataError: it cannot be read or unpacked.
    """
    content = read_bytes(path, DataError)
    if path.suffix.lower() == ".gz":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path}: cannot be unpacked ({error}); gzip it again, or give the plain file") from None
    lines = decode(path, content, DataError).split("\n")
    return [line.strip() for line in (lines[:-1] if not lines[-1] else lines)]
