"""The sentences of a text: where they are in it, and rows of whole sentences."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from kerasbert.decoding.spans import most_context
from kerasbert.tasks.encoding import inputs_of
from kerasbert.tasks.task import Example, Row
from kerasbert.tasks.windows import stride_of
from kerasbert.tasks.words import CJK, join_words

SENTENCE_SCORES = "sentence_scores"
"""The output with a score per sentence, of a file that takes the sentences themselves."""
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Source:
    """A text as sentences.

    Attributes:
        text: the text as it was given, or the sentences that were given, joined by `kerasbert.tasks.words.join_words`.
        places: begin and end of each sentence in it, in code points.
    """

    text: str
    places: Sequence[tuple[int, int]]

    @classmethod
    def of(cls, source: str | Sequence[str]) -> "Source":
        """A list of sentences as it is, or the sentences of a text by `kerasbert.tasks.sentences.split_by_icu`."""
        if not isinstance(source, str):
            return cls(*join_words(source))
        from kerasbert.tasks.sentences import PARAGRAPH, split_by_icu

        (sentences,), searched = split_by_icu([source], wrapped=False), source.replace("\n", PARAGRAPH)
        places, end = [], 0
        for sentence in sentences:
            start = searched.index(sentence, end)
            end = start + len(sentence)
            places.append((start, end))
        return cls(source, places)

    @property
    def sentences(self) -> list[str]:
        """The texts of the sentences. One may be empty or white space alone, where a list was given."""
        return [self.text[start:end] for start, end in self.places]


def words_of(sentence: str) -> list[str]:
    """The words of a sentence in lower case: runs of letters and digits. A Chinese or Japanese character is a word."""
    return _WORD.findall(CJK.sub(r" \g<0> ", sentence.lower()))


@dataclass
class SentencesEncoding:
    """The tokens of some sentences, each as the tokenizer encodes it alone, [CLS] and [SEP] included.

    Attributes:
        ids, type_ids: ids of the tokens, and 0 or 1 in turn from sentence to sentence.
        offsets: begin and end of each token in the source's text; 0 and 0 for special tokens.
        word_ids: the number of each token's word; None for special tokens.
        cut: whether a sentence is longer than a row, so that its end is left out.
    """

    ids: list[int] = field(default_factory=list)
    type_ids: list[int] = field(default_factory=list)
    offsets: list[tuple[int, int]] = field(default_factory=list)
    word_ids: list[int | None] = field(default_factory=list)
    cut: bool = False

    def add(self, encoding, start: int, type_id: int) -> None:
        """Appends a sentence. Args: start: its place in the source's text."""
        words = 1 + max((word for word in self.word_ids if word is not None), default=-1)
        self.ids += encoding.ids
        self.type_ids += [type_id] * len(encoding.ids)
        for (begin, end), word in zip(encoding.offsets, encoding.word_ids, strict=True):
            self.offsets.append((0, 0) if word is None else (start + begin, start + end))
            self.word_ids.append(None if word is None else words + word)
        self.cut |= bool(encoding.overflowing)


@dataclass(frozen=True)
class SentencesRow(Row):
    """A row of whole sentences.

    Attributes:
        texts, numbers, firsts: the row's sentences, their numbers in the source, and the places of their [CLS].
    """

    texts: Sequence[str] = ()
    numbers: Sequence[int] = ()
    firsts: Sequence[int] = ()

    @property
    def spans(self) -> list[slice]:
        """The tokens of each of the row's sentences."""
        return [slice(*place) for place in pairwise([*self.firsts, len(self)])]

    @property
    def answered(self) -> list[tuple[int, slice]]:
        """The number and the tokens of each sentence that this row judges: those whose [CLS] it keeps."""
        found = zip(self.numbers, self.spans, strict=True)
        return [(number, span) for number, span in found if self.kept.start <= span.start < self.kept.stop]


def sentence_rows(tokenizer, example: Example, source: Source, *, max_length: int) -> list[SentencesRow]:
    """Makes rows of whole sentences, each of which has a [CLS] before it and a [SEP] behind it.

    Rows share at most a quarter of `max_length` tokens with their neighbours. A sentence is judged in the row where its
    [CLS] has the most context on both sides. A sentence that is longer than a row is cut; one without text is left out.
    """
    numbered = [(number, text) for number, text in enumerate(source.sentences) if text.strip()]
    if not numbered:
        return []
    numbers, texts = map(list, zip(*numbered, strict=True))
    encodings = tokenizer.encode(texts, max_length=max_length)
    sizes = [len(each) for each in encodings]
    before = [0, *accumulate(sizes)]
    parts = windows(sizes, max_length)
    kept = most_context(
        [before[part.start] for part in parts], [before[part.stop] - before[part.start] for part in parts]
    )
    rows = []
    for part, own in zip(parts, kept, strict=True):
        row = SentencesEncoding()
        for place in part:
            row.add(encodings[place], source.places[numbers[place]][0], (place - part.start) % 2)
        rows.append(
            SentencesRow(
                example,
                inputs_of(row, tokenizer.has_token_types),
                row,
                own,
                texts=[texts[place] for place in part],
                numbers=[numbers[place] for place in part],
                firsts=[before[place] - before[part.start] for place in part],
            )
        )
    return rows


def windows(sizes: Sequence[int], most: int) -> list[range]:
    """The sentences of each row: as many as fit, beginning with the last ones of the row before, if these have at most
    `stride_of(most)` tokens.

    Args:
        sizes: number of tokens of each sentence, at most `most`.
        most: largest number of tokens in a row.
    """
    before, parts, begin = [0, *accumulate(sizes)], [], 0
    while begin < len(sizes):
        end = max(place for place in range(begin + 1, len(sizes) + 1) if before[place] - before[begin] <= most)
        parts.append(range(begin, end))
        if end == len(sizes):
            break
        begin = next(
            place
            for place in range(begin + 1, end + 1)
            if before[end] - before[place] <= stride_of(most) and before[end + 1] - before[place] <= most
        )
    return parts
