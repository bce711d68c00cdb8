"""SQuAD's JSON, versions 1.1 and 2.0: titles, paragraphs, and the questions about each paragraph."""

from collections.abc import Iterator
from pathlib import Path

from kerasbert.errors import DataError
from kerasbert.reading import parse


def squad_rows(path: Path, content: str) -> Iterator[tuple[str, dict]]:
    """The questions of a file, each with its place, such as "question 56be4db0".

    Raises:
        DataError: the file is no JSON, or not built as SQuAD's; the place is named.
    """
    try:
        whole = parse(content)
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error})") from None
    for article, title in _listed(path, whole, "data", "the file"):
        for paragraph, where in _listed(path, article, "paragraphs", title):
            for question, place in _listed(path, paragraph, "qas", where):
                name = question.get("id")
                place = f"question {name}" if name is not None else place
                answers = question.get("answers")
                if question.get("is_impossible") is True:
                    if answers:
                        raise DataError(
                            f"{path}, {place}: is_impossible is true, but it has answers; remove one of the two"
                        )
                    answers = []
                row = {"context": paragraph.get("context"), "question": question.get("question"), "answers": answers}
                yield place, row


def _listed(path: Path, part, key: str, where: str) -> Iterator[tuple[dict, str]]:
    """The objects under a key, each with words for its place."""
    values = part.get(key) if isinstance(part, dict) else None
    if not isinstance(values, list) or not all(isinstance(each, dict) for each in values):
        mend = 'use SQuAD\'s JSON, {"data": [{"paragraphs": [{"context", "qas"}]}]}, or .jsonl with one object per line'
        raise DataError(f"{path}: {where} has no list of objects {key!r}; {mend}")
    for number, each in enumerate(values, 1):
        yield each, f"{where}, {key} {number}" if where != "the file" else f"{key} {number}"
