"""Usual headers of columns: of a file and of a DataFrame alike, whatever their case."""

from collections.abc import Sequence

TEXT = ("text", "sentence", "sentence1", "question1", "premise", "review", "content", "#1 String")
PAIR = ("text_pair", "pair", "sentence2", "question2", "hypothesis", "#2 String")
LABEL = ("label", "labels", "category", "class", "target", "sentiment", "score", "Quality")
WORDS = ("text", "sentence", "words", "tokens", "review", "content")
TAGS = ("tags", "ner_tags", "labels", "entities", "spans", "label")


def usual_header(headers: Sequence, usual: Sequence[str]) -> object | None:
    """The header with the first of the usual names, whatever its case; of two, the one in the case of the name.

    Args:
        headers: names of columns. Those of a DataFrame may be no strings; these are never usual.
        usual: a tuple of this module, or other names.

    Returns:
        One of `headers`; None if none has a usual name.
    """
    named = [header for header in headers if isinstance(header, str)]
    by_name = {header.strip().casefold(): header for header in named} | {header: header for header in named}
    return next((by_name[name] for each in usual for name in (each, each.casefold()) if name in by_name), None)
