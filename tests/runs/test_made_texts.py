"""Texts that are made of texts: of their words alone, none twice, none that was there."""

from itertools import pairwise

import pytest

from kerasbert.errors import ConfigError
from kerasbert.runs.made_texts import FEWEST, MOST, made_texts
from kerasbert.tasks.task import Example
from kerasbert.tasks.words import as_text

WORDS = [f"word{number}" for number in range(14)]
TEXTS = [" ".join(WORDS[begin : begin + 9]) for begin in range(5)]


def made(texts, times=4, seed=0) -> list:
    return [each.fields["text"] for each in made_texts([Example({"text": text}) for text in texts], times, seed)]


def test_every_text_gives_as_many_others_and_none_is_there_twice():
    found = made(TEXTS, times=20)
    assert len(found) == 20 * len(TEXTS)
    assert len({*found, *TEXTS}) == len(found) + len(TEXTS)
    assert {word for text in found for word in text.split()} <= set(WORDS)


def test_some_are_parts_and_some_are_changed():
    found = made(TEXTS, times=20)
    parts = [text for text in found if any(text in each for each in TEXTS)]
    assert 0.2 < len(parts) / len(found) < 0.5
    assert all(FEWEST <= len(text.split()) <= MOST for text in parts)
    breaks = [_breaks(text) for text in found]
    assert breaks.count(0) == len(parts)
    assert breaks.count(1)
    assert max(breaks) > 1  # more than parts of two texts have, so words were left out or exchanged


def _breaks(text: str) -> int:
    """How often a word does not stand behind the one that it follows in `WORDS`."""
    return sum(WORDS.index(two) != WORDS.index(one) + 1 for one, two in pairwise(text.split()))


def test_the_seed_decides():
    assert made(TEXTS, seed=1) == made(TEXTS, seed=1) != made(TEXTS, seed=2)


def test_a_text_that_allows_no_other_gives_none():
    assert made(["one"], times=3) in ([], ["one one"])
    assert made([""], times=3) == []


def test_words_stay_words_and_have_no_labels():
    examples = [Example({"text": WORDS[:6]}, ["O"] * 6)]
    for each in made_texts(examples, 5, 0):
        assert isinstance(each.fields["text"], list)
        assert each.truth is None


def test_chinese_characters_are_words_and_get_no_spaces():
    text = "我喜欢这部电影非常好看"
    found = made([text], times=10)
    assert any(part in text and len(part) < len(text) for part in found)
    assert not any(" " in part for part in found)
    assert as_text(list(text)) == text


def test_pairs_are_refused():
    with pytest.raises(
        ConfigError, match="augment is 2, and texts are made of single texts alone, but this example has text_pair"
    ):
        made_texts([Example({"text": "a", "text_pair": "b"})], 2, 0)
