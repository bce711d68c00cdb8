"""Tokenised documents -> pre-training instances, a pure function of (documents, key).

The words for lengths: `max_length` counts special tokens, `room` does not.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kerasbert.tasks.draws import key_of, uniform

IS_NEXT, IS_RANDOM = 0, 1
"""NSP label: 0, the second segment follows the first; 1, it does not. For SOP, 1 says that the two are swapped."""


@dataclass(frozen=True)
class TokenisedDocuments:
    """Word pieces of many documents in one row. No sentence is without tokens, no document without sentences.

    Attributes:
        ids: int32 (tokens,).
        sentences: int64 (sentences + 1,), where each begins in `ids`.
        documents: int64 (documents + 1,), where each begins in `sentences`.
    """

    ids: np.ndarray
    sentences: np.ndarray
    documents: np.ndarray

    def __len__(self):
        return len(self.documents) - 1


@dataclass(frozen=True)
class Instance:
    """One or two runs of tokens in `TokenisedDocuments.ids`, as (begin, end), without special tokens."""

    first: tuple[int, int]
    second: tuple[int, int] | None = None
    label: int | None = None


def cut_long_sentences(documents: TokenisedDocuments, room: int) -> TokenisedDocuments:
    """The same tokens, with sentences of more than `room` tokens cut into pieces of at most that."""
    lengths = np.diff(documents.sentences)
    pieces = np.maximum(-(-lengths // room), 1)
    if pieces.max(initial=1) == 1:
        return documents
    first = np.concatenate([[0], np.cumsum(pieces)])  # the first piece of each sentence
    number = np.arange(first[-1]) - np.repeat(first[:-1], pieces)
    begins = np.repeat(documents.sentences[:-1], pieces) + number * room
    sentences = np.concatenate([begins, documents.sentences[-1:]])
    return TokenisedDocuments(documents.ids, sentences, first[documents.documents])


def full_sentences(
    documents: TokenisedDocuments, *, max_length: int, short_probability: float, key: int
) -> Iterator[Instance]:
    """Mode `mlm`: as many whole sentences of one document as fit (RoBERTa, section 4.2, DOC-SENTENCES)."""
    room = max_length - 2
    documents = cut_long_sentences(documents, room)
    bounds, first_sentence = documents.sentences.tolist(), documents.documents.tolist()
    for document in range(len(documents)):
        document_key = key_of(key, document)
        start = begin = end = bounds[first_sentence[document]]
        limit = _target(room, short_probability, document_key, 0)
        for reach in bounds[first_sentence[document] + 1 : first_sentence[document + 1] + 1]:
            if reach - begin > limit and end > begin:
                yield Instance((begin, end))
                begin = end
                limit = _target(room, short_probability, document_key, 2 * (begin - start))
            end = reach
        yield Instance((begin, end))


def sentence_pairs(
    documents: TokenisedDocuments, *, max_length: int, short_probability: float, key: int, swap: bool
) -> Iterator[Instance]:
    """Modes `mlm-nsp` and, with `swap`, `mlm-sop`: two segments of sentences and whether the second follows the first.

    As in the paper's code (BERT, appendix A.2), but the labels are a fair coin for every pair: a last sentence alone,
    which that code can only call "random", makes no pair here. It still serves as the random partner of others.
    Partners come from the same call's other documents. A document without others is taken for two, its halves.
    SOP swaps the two segments instead of drawing another second one (ALBERT, section 3.1).
    """
    room = max_length - 3
    documents = cut_long_sentences(documents, room // 2)
    bounds, first_sentence = documents.sentences.tolist(), documents.documents.tolist()
    if len(documents) == 1 and not swap:
        first_sentence.insert(1, first_sentence[1] // 2)
    count = len(first_sentence) - 1
    for document in range(count):
        begin, stop = first_sentence[document], first_sentence[document + 1]
        document_key, draw = key_of(key, document), 0
        while stop - begin >= 2:
            limit = _target(room, short_probability, document_key, draw)
            end = begin + 2
            while end < stop and bounds[end] - bounds[begin] < limit:
                end += 1
            split = begin + 1 + int(uniform(document_key, draw + 2) * (end - begin - 1))
            first, second = (bounds[begin], bounds[split]), (bounds[split], bounds[end])
            label = int(uniform(document_key, draw + 3) < 0.5)
            if label and swap:
                first, second = second, first
            elif label:
                other = int(uniform(document_key, draw + 4) * (count - 1))
                other += other >= document
                sentences = first_sentence[other], first_sentence[other + 1]
                second = _random_run(bounds, *sentences, limit - (first[1] - first[0]), document_key, draw)
                end = split  # the second half was not used and begins the next pair, as in the paper's code
            yield Instance(*_truncate(first, second, room, document_key, draw), label)
            begin, draw = end, draw + 8


def _target(room: int, short_probability: float, key: int, draw: int) -> int:
    """The length to fill: usually all, sometimes less, so that the model also meets short texts."""
    if uniform(key, draw) >= short_probability:
        return room
    return 2 + int(uniform(key, draw + 1) * (room - 1))


def _random_run(bounds, start: int, stop: int, length: int, key: int, draw: int) -> tuple[int, int]:
    """Sentences from a random one of `start` to `stop` on, until `length` tokens or the last."""
    start += int(uniform(key, draw + 5) * (stop - start))
    end = start + 1
    while end < stop and bounds[end] - bounds[start] < length:
        end += 1
    return bounds[start], bounds[end]


def _truncate(first, second, room: int, key: int, draw: int):
    """Both within `room`: the longer one loses tokens, at its front and at its end, as in the paper's code."""
    a, b = first[1] - first[0], second[1] - second[0]
    excess = a + b - room
    if excess <= 0:
        return first, second
    level = min(excess, abs(a - b))  # what the longer one loses before both are as long
    even = excess - level
    lose_first = (level if a > b else 0) + even // 2
    lose_second = excess - lose_first
    return _shorten(first, lose_first, key, draw + 6), _shorten(second, lose_second, key, draw + 7)


def _shorten(run, tokens: int, key: int, draw: int) -> tuple[int, int]:
    front = round(uniform(key, draw) * tokens)
    return run[0] + front, run[1] - (tokens - front)


MODES = {"mlm": full_sentences, "mlm-nsp": sentence_pairs, "mlm-sop": sentence_pairs}
