"""Remarks about examples that can be used, but perhaps not as they were meant: each kind is counted in one line."""

import logging
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from kerasbert.tasks.ask import Answered
from kerasbert.tasks.batches import Lesson
from kerasbert.tasks.task import Example, Row, Task
from kerasbert.tasks.words import as_text

log = logging.getLogger("kerasbert")

MISSING = ("nan", "<na>", "null")
"""What programs write for a missing value, in lower case."""
MANY_UNKNOWN = 0.1
"""The share of unknown tokens that is told."""
_ASKED = 1000
"""Examples that are tokenised to find it, at the most, evenly spaced."""
_DECIMAL = re.compile(r"[+-]?\d+\.\d+")
_SHOWN = 5


def warn(task: Task, examples: Sequence[Example], settings, *, labelled: bool = True) -> None:
    """Logs a warning for each kind of remark about examples from one file.

    Args:
        labelled: whether their right answers count.
    """
    for remark in (
        *_about_texts(task.to_train() if labelled else task, examples),
        *_about_pairs(examples, settings),
        *(task.remarks(examples, settings) if labelled else ()),
    ):
        log.warning("%s%s", f"{examples[0].path}: " if examples[0].path else "", remark)


def warn_cut(task: Task, examples: Sequence[Example], cut: int, settings) -> None:
    """Logs how many of the examples were cut, if there are any."""
    if cut:
        what = f"{_from(examples)}{cut} of {len(examples)} {task.words.examples}"
        log.warning("%s were cut, at %d tokens", what, settings.max_length)


def with_cut_counted(
    task: Task, examples: Sequence[Example], answered: Iterable[Answered], settings
) -> Iterator[Answered]:
    """Passes examples with their outputs on, and logs at the end how many of them were cut."""
    cut = 0
    for each in answered:
        cut += count_cut(each.rows)
        yield each
    warn_cut(task, examples, cut, settings)


def warn_unlearned(task: Task, examples: Sequence[Example], lessons: Sequence[Sequence[Lesson]], settings) -> None:
    """Logs what of the examples is not learned, besides texts that were cut. Args: lessons: of the examples."""
    learned = [lesson for group in lessons for lesson in group if lesson.targets]
    for remark in task.unlearned(learned, settings):
        log.warning("%s%s", _from(examples), remark)


def tell_windows(task: Task, examples: Sequence[Example], rows: Sequence[Row], settings) -> None:
    """Logs how many of the examples are read in several windows, if there are any."""
    counts = Counter(id(row.example) for row in rows)
    several = [count for count in counts.values() if count > 1]
    if several:
        what = f"{_from(examples)}{len(several)} of {len(examples)} {task.words.examples}"
        log.info("%s are longer than %d tokens and are read in %d windows", what, settings.max_length, sum(several))


def warn_unknown(tokenizer, examples: Sequence[Example]) -> None:
    """Logs the share of unknown tokens in the texts of examples, if it is large: they may be of another language.

    Args:
        tokenizer: of the model that reads them; None: there is none to ask.
    """
    if tokenizer is None or tokenizer.id_of("unk") is None:
        return
    asked = examples[:: -(-len(examples) // _ASKED) or 1]
    values = [value for each in asked for value in each.fields.values() if isinstance(value, str | list | tuple)]
    ids = [index for row in tokenizer.piece_ids([as_text(value) for value in values]) for index in row]
    share = ids.count(tokenizer.id_of("unk")) / max(1, len(ids))
    if share >= MANY_UNKNOWN:
        what = "of the tokens of the texts are unknown to the model, as in texts of another language"
        log.warning("%s%.0f %% %s", _from(examples), 100 * share, what)


def _from(examples: Sequence[Example]) -> str:
    """The files that examples are from, for the beginning of a line; empty if they are from none."""
    files = dict.fromkeys(str(each.path) for each in examples if each.line or (each.path and each.spot))
    return f"{', '.join(files)}: " if files else ""


def count_cut(rows: Sequence[Row]) -> int:
    """How many examples have tokens that are in none of their rows. The windows of a text have them all, unlike rows
    that share one encoding, such as those of several masks in a text."""
    if not any(_is_cut(row.encoding, alone=True) for row in rows):
        return 0
    parts = {id(row.encoding): row for row in rows}.values()
    counts = Counter((id(row.example), row.choice) for row in parts)
    alone = {id(row): counts[id(row.example), row.choice] == 1 for row in parts}
    return len({id(row.example) for row in parts if _is_cut(row.encoding, alone=alone[id(row)])})


def _is_cut(encoding, *, alone: bool) -> bool:
    """Whether an encoding lacks tokens of its text. Args: alone: whether no other row has the rest."""
    return getattr(encoding, "cut", alone and bool(getattr(encoding, "overflowing", ())))


def _about_texts(task: Task, examples: Sequence[Example]) -> Iterator[str]:
    kinds: tuple[tuple[str, Callable[[str], bool]], ...] = (
        ("empty", lambda text: not text.strip()),
        ("broken by the character NUL, which no text has", lambda text: "\0" in text),
        ("'nan' or 'null', which programs write for a missing value", lambda text: text.strip().lower() in MISSING),
    )
    for each in task.fields:
        for what, fits in kinds:
            values = ((example, example.fields.get(each.name)) for example in examples)
            found = [example for example, value in values if isinstance(value, str) and fits(value)]
            if found:
                yield f"{_count(found, examples, f'{each.name}s')} {what}"


def _about_pairs(examples: Sequence[Example], settings) -> Iterator[str]:
    """Second texts for a model of single texts, or single texts for a model of pairs."""
    trained = getattr(settings, "pairs", None)
    found = [example for example in examples if ("text_pair" in example.fields) != trained]
    if trained is not None and found:
        has, learned = ("no second text", "pairs") if trained else ("a second text", "single texts")
        yield f"{len(found)} of {len(examples)} texts have {has}, but the model was trained on {learned}"


def about_labels(examples: Sequence[Example], names: Callable[[Example], Iterable[str]]) -> Iterator[str]:
    """Remarks about labels.

    Args:
        examples: labelled examples.
        names: example -> the names of its labels.
    """
    counts, where = Counter(), {}
    for example in examples:
        for name in names(example):
            counts[name] += 1
            where.setdefault(name, example)
    for name in sorted(counts):
        if name.lower() in MISSING:
            first = f" (the first on line {where[name].line})" if where[name].line else ""
            yield f"{counts[name]} labels are {name!r}{first}, which programs write for a missing value"
    alike = defaultdict(list)
    for name in sorted(counts):
        alike[" ".join(unicodedata.normalize("NFKC", name).casefold().split())].append(name)
    for group in alike.values():
        if len(group) > 1:
            listed = " and ".join(f"{name!r} ({counts[name]})" for name in group)
            yield f"the labels {listed} differ only in case, spaces or Unicode form, and count as different labels"
    decimal = [name for name in sorted(counts) if _DECIMAL.fullmatch(name)]
    if decimal:
        listed = ", ".join(decimal[:_SHOWN]) + (", ..." if len(decimal) > _SHOWN else "")
        yield (
            f"{len(decimal)} labels are decimal numbers ({listed}) and are taken as names; "
            "for a number as the answer choose the problem type regression"
        )


def counted(count: int, noun: str) -> str:
    """A number with its noun, such as "1 step" or "2 steps"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _count(found: Sequence[Example], examples: Sequence[Example], what: str) -> str:
    """Such as "3 of 200 texts (the first on line 7) are"."""
    first = f" (the first on line {found[0].line})" if found[0].line else ""
    return f"{len(found)} of {len(examples)} {what}{first} {'is' if len(found) == 1 else 'are'}"
