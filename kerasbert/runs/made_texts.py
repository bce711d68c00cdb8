"""Further texts to learn from, made of those that are there. A teacher answers them, so they need no labels.

A student sees few texts of a task, and learns more of its teacher from many. After arXiv 1903.12136, they need not be
good texts: some are a part of one, some join parts of two, and in some, words are left out or exchanged.
"""

import random
from collections.abc import Callable, Sequence

from kerasbert.errors import ConfigError
from kerasbert.tasks.task import Example
from kerasbert.tasks.words import CJK, as_text

FEWEST, MOST = 3, 12
"""Words of a part of a text."""
TASKS = ("text-classification", "token-classification", "sentence-embedding")
"""The tasks whose examples can be single texts."""
RATE = 0.15
"""Share of the words that are left out, and of the others that are exchanged."""
TRIES = 20
"""How often a text is made again because it was made before."""

Words = Sequence[str]


def made_texts(examples: Sequence[Example], times: int, seed: int) -> list[Example]:
    """Makes texts of the texts of examples.

    Args:
        examples: each has one field, `text`: a text or its words. Chinese and Japanese characters are words.
        times: how many texts are made of each. There are fewer if its words allow no others.
        seed: decides everything that is drawn.

    Returns:
        Examples without right answers, each different from all others and from those that were given. A text that was
        given as words is made as words.

    Raises:
        ConfigError: as for `check_single`.
    """
    check_single(examples, times)
    given = [_words(each.fields["text"]) for each in examples]
    every = [word for words in given for word in words]
    draw, seen, found = random.Random(seed), set(map(tuple, given)), []
    for example, words in zip(examples, given, strict=True):
        for _ in range(times):
            made = (tuple(draw.choice(WAYS)(words, draw.choice(given), every, draw)) for _ in range(TRIES))
            new = next((each for each in made if each and each not in seen), None)
            if new is None:
                break
            seen.add(new)
            as_given = as_text(new) if isinstance(example.fields["text"], str) else list(new)
            found.append(Example({"text": as_given}))
    return found


def check_single(examples: Sequence[Example], times: int) -> None:
    """Raises ConfigError: an example has another field, such as the second text of a pair."""
    for each in examples:
        other = next((name for name in each.fields if name != "text"), None)
        if other is not None:
            raise ConfigError(
                f"{each.place}: augment is {times}, and texts are made of single texts alone, but this example has "
                f"{other} too; leave augment out"
            )


def _words(value: str | Words) -> Words:
    """The words of a text: what stands between spaces, and each Chinese or Japanese character."""
    return CJK.sub(r" \g<0> ", value).split() if isinstance(value, str) else list(value)


def _part(words: Words, draw: random.Random) -> Words:
    size = min(len(words), draw.randint(FEWEST, MOST))
    begin = draw.randint(0, len(words) - size)
    return words[begin : begin + size]


def _one_part(words: Words, other: Words, every: Words, draw: random.Random) -> Words:
    return _part(words, draw)


def _two_parts(words: Words, other: Words, every: Words, draw: random.Random) -> Words:
    return [*_part(words, draw), *_part(other, draw)]


def _changed(words: Words, other: Words, every: Words, draw: random.Random) -> Words:
    kept = [word for word in words if draw.random() >= RATE]
    return [draw.choice(every) if draw.random() < RATE else word for word in kept]


WAYS: Sequence[Callable[[Words, Words, Words, random.Random], Words]] = (_one_part, _two_parts, _changed)
"""The ways to make a text: words of the text, of another one, all words and random numbers -> words."""
