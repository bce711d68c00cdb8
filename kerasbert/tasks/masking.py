"""Masked words, drawn anew for every epoch without state (BERT, section 3.1, task 1)."""

from dataclasses import dataclass

import numpy as np

from kerasbert.errors import ConfigError
from kerasbert.tasks.draws import keys_of, uniforms

_ORDER, _LENGTH, _FATE, _BUDGET, _ID = range(5)  # what a draw is for


@dataclass(frozen=True, kw_only=True)
class Masking:
    """How tokens are masked.

    Attributes:
        rate: share of the ordinary tokens.
        mask_share, random_share: of the chosen words, those that become [MASK] and those that become random tokens; the
            rest stay. Decided for a word, not for each of its pieces.
        whole_words: whether the pieces of a word are masked together.
        ngram: the most words in a row that are chosen together; n of them with a probability in proportion to 1/n
            (ALBERT, section 4.1).
    """

    rate: float = 0.15
    mask_share: float = 0.8
    random_share: float = 0.1
    whole_words: bool = False
    ngram: int = 1

    def __post_init__(self):
        if not 0 < self.rate < 1:
            raise ConfigError(f"mask rate is {self.rate!r}: use a number between 0 and 1, such as 0.15")
        if not (self.mask_share >= 0 and self.random_share >= 0 and self.mask_share + self.random_share <= 1):
            raise ConfigError(
                f"mask_share {self.mask_share!r} and random_share {self.random_share!r}: "
                "use shares from 0 to 1 that add up to 1 at most"
            )
        if self.ngram < 1:
            raise ConfigError(f"ngram is {self.ngram!r}: use 1 or more")


@dataclass(frozen=True)
class MaskingVocabulary:
    """What masking must know of a vocabulary.

    Attributes:
        mask_id: of [MASK]. ordinary: ids that may be masked and drawn: no special, no unused token.
        is_ordinary, continues: bool (vocabulary,), the second where a piece goes on with the word before it.
    """

    mask_id: int
    ordinary: np.ndarray
    is_ordinary: np.ndarray
    continues: np.ndarray

    @classmethod
    def of(cls, tokenizer) -> "MaskingVocabulary":
        """Raises ConfigError: the vocabulary has no mask token."""
        mask_id = tokenizer.id_of("mask")
        if mask_id is None:
            mask = tokenizer.special["mask"]
            raise ConfigError(f"the vocabulary of {tokenizer.vocab_size} tokens has no {mask}, which masking needs")
        special = tokenizer.special_tokens
        is_ordinary = np.array([t not in special and not t.startswith("[unused") for t in tokenizer.vocabulary])
        continues = np.array([tokenizer.continues_word(token) for token in tokenizer.vocabulary])
        return cls(mask_id, np.flatnonzero(is_ordinary), is_ordinary, continues)


def mask_row(
    ids: np.ndarray, *, key: int, masking: Masking, vocabulary: MaskingVocabulary, word_starts: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Chooses positions of one row and what stands there instead.

    Args:
        ids: int (tokens,), unmasked. key: of (seed, epoch, instance); the result is a function of it and of the row.
        word_starts: bool (tokens,), from a segmenter; None asks the vocabulary.

    Returns:
        `positions`, increasing, and `replacements`, both int (masked,). At least one, if any token is ordinary.
    """
    candidates = np.flatnonzero(vocabulary.is_ordinary[ids])
    if not len(candidates):
        return candidates, candidates
    if masking.whole_words or masking.ngram > 1:
        starts = ~vocabulary.continues[ids[candidates]] if word_starts is None else word_starts[candidates].astype(bool)
        starts[1:] |= np.diff(candidates) > 1
        starts[0] = True
        begins = np.flatnonzero(starts)
    else:
        begins = np.arange(len(candidates))
    ends = np.append(begins[1:], len(candidates))
    keys = keys_of(key, np.arange(5))
    draws = uniforms(keys[:_ID, None], np.arange(len(begins)))

    # The budget is rounded up or down by a coin, so that short rows keep the rate too.
    budget = max(1, int(masking.rate * len(candidates) + draws[_BUDGET, 0]))
    order = np.argsort(draws[_ORDER], kind="stable")
    chosen = _choose(order, _gram_ends(candidates, begins, draws[_LENGTH], masking.ngram), begins, ends, budget)
    taken = np.repeat(chosen, ends - begins)
    positions, share = candidates[taken], np.repeat(draws[_FATE], ends - begins)[taken]
    random_ids = vocabulary.ordinary[(uniforms(keys[_ID], positions) * len(vocabulary.ordinary)).astype(np.int64)]
    kept_or_random = np.where(share < masking.mask_share + masking.random_share, random_ids, ids[positions])
    replacements = np.where(share < masking.mask_share, vocabulary.mask_id, kept_or_random)
    return positions, replacements


def _choose(order: np.ndarray, stops: np.ndarray, begins: np.ndarray, ends: np.ndarray, budget: int) -> np.ndarray:
    """Which words are masked: n-grams in `order`, as many as the budget of tokens allows; bool (words,)."""
    chosen = bytearray(len(order))
    left = budget
    reach = ends[stops - 1] - begins
    for word in order.tolist():
        stop, size = int(stops[word]), int(reach[word])
        if size > left or any(chosen[word:stop]):
            continue
        chosen[word:stop] = b"\1" * (stop - word)
        left -= size
        if not left:
            break
    if left == budget:  # every word is longer than the budget: the first in line all the same
        chosen[int(order[0])] = 1
    return np.frombuffer(chosen, dtype=bool)


def _gram_ends(candidates: np.ndarray, begins: np.ndarray, draws: np.ndarray, most: int) -> np.ndarray:
    """Where the n-gram that begins with each word ends: n words on, or at the special token before that."""
    words = np.arange(len(begins))
    broken = np.flatnonzero(np.diff(candidates)[begins[1:] - 1] > 1) + 1
    ends = np.append(broken, len(begins))[np.searchsorted(broken, words, side="right")]
    return np.minimum(words + _gram_lengths(draws, most), ends)


def _gram_lengths(draws: np.ndarray, most: int) -> np.ndarray:
    """Lengths from 1 to `most`, n with a probability proportional to 1/n."""
    shares = np.cumsum(1.0 / np.arange(1, most + 1))
    return np.searchsorted(shares / shares[-1], draws, side="right") + 1
