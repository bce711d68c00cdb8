"""Masks by their distribution: how many, of what, together with what, and what becomes of them."""

from collections import Counter

import numpy as np
import pytest

from kerasbert.errors import ConfigError
from kerasbert.tasks.masking import Masking, MaskingVocabulary, mask_row
from kerasbert.tokenizers import WordPieceTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [f"w{number}" for number in range(50)]
ENDS = [f"##e{number}" for number in range(20)]
PIECES = [*SPECIAL, "[unused0]", *WORDS, *ENDS]
MARKER = {"content": "[SPEAKER]", "special": True, "normalized": False}
CLS, SEP, MASK = 2, 3, 4


@pytest.fixture(scope="module")
def vocabulary() -> MaskingVocabulary:
    return MaskingVocabulary.of(WordPieceTokenizer([*PIECES, "[SPEAKER]"], added_tokens=[MARKER]))


def rows_of_words(count: int, words: int, seed: int = 0) -> list[np.ndarray]:
    """`[CLS] words [SEP] words [SEP]`; a third of the words have two pieces, a ninth three, and so on."""
    draw = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        segments = []
        for _ in range(2):
            pieces = np.where(draw.random(words) < 1 / 3, draw.integers(56, 76, words), draw.integers(6, 56, words))
            segments += [[draw.integers(6, 56)], pieces, [SEP]]
        rows.append(np.concatenate([[CLS], *segments]))
    return rows


def masked(rows, vocabulary, *, epoch=0, word_starts=None, **settings):
    masking = Masking(**settings)
    return [
        mask_row(row, key=1000 * epoch + number, masking=masking, vocabulary=vocabulary, word_starts=word_starts)
        for number, row in enumerate(rows)
    ]


def runs(positions: np.ndarray) -> list[np.ndarray]:
    """Positions side by side."""
    return np.split(positions, np.flatnonzero(np.diff(positions) > 1) + 1)


def test_only_ordinary_tokens_may_be_masked_and_drawn(vocabulary):
    assert vocabulary.ordinary.tolist() == list(range(6, 76))
    assert vocabulary.is_ordinary.sum() == 70
    assert np.flatnonzero(vocabulary.continues).tolist() == list(range(56, 76))
    assert vocabulary.mask_id == MASK


def test_a_vocabulary_without_a_mask_is_refused():
    without = WordPieceTokenizer([piece for piece in PIECES if piece != "[MASK]"])
    with pytest.raises(ConfigError, match=r"the vocabulary of 75 tokens has no \[MASK\], which masking needs"):
        MaskingVocabulary.of(without)


@pytest.mark.parametrize(
    "settings", [{}, {"whole_words": True}, {"ngram": 3}, {"rate": 0.3, "ngram": 2}, {"rate": 0.05}]
)
@pytest.mark.parametrize("words", [20, 250])
def test_the_masked_share_is_the_rate(vocabulary, settings, words):
    rows = rows_of_words(50_000 // words, words)
    count = sum(len(positions) for positions, _ in masked(rows, vocabulary, **settings))
    total = sum(vocabulary.is_ordinary[row].sum() for row in rows)
    assert abs(count / total - settings.get("rate", 0.15)) < 0.002


@pytest.mark.parametrize("settings", [{}, {"whole_words": True}, {"ngram": 3}])
def test_of_the_masked_words_80_percent_are_masks_and_10_percent_are_random(vocabulary, settings):
    rows = rows_of_words(700, 250)
    fates, drawn = Counter(), Counter()
    for row, (positions, replacements) in zip(rows, masked(rows, vocabulary, **settings), strict=True):
        assert vocabulary.is_ordinary[row[positions]].all()  # no special token is masked
        others = replacements[(replacements != MASK) & (replacements != row[positions])]
        assert vocabulary.is_ordinary[others].all()  # nor drawn
        drawn.update(others.tolist())
        fates["mask"] += (replacements == MASK).sum()
        fates["kept"] += (replacements == row[positions]).sum()
        fates["random"] += len(others)
    total = sum(fates.values())
    assert total > 50_000
    same = 0.1 / 70  # a random token that is the right one
    assert abs(fates["mask"] / total - 0.8) < 0.005
    assert abs(fates["random"] / total - (0.1 - same)) < 0.005
    assert abs(fates["kept"] / total - (0.1 + same)) < 0.005
    assert set(drawn) == set(vocabulary.ordinary.tolist())
    counts = np.array(list(drawn.values()))
    assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < 115  # chi-square, 69 degrees of freedom


def test_other_shares_are_kept_too(vocabulary):
    rows = rows_of_words(100, 250)
    for row, (positions, replacements) in zip(
        rows, masked(rows, vocabulary, mask_share=1, random_share=0), strict=True
    ):
        assert (replacements == MASK).all()
        assert len(positions) == len(replacements) < len(row)
    for row, (positions, replacements) in zip(
        rows, masked(rows, vocabulary, mask_share=0, random_share=0), strict=True
    ):
        assert (replacements == row[positions]).all()


@pytest.mark.parametrize("settings", [{"whole_words": True}, {"ngram": 3}])
def test_the_pieces_of_a_word_share_being_masked_and_their_fate(vocabulary, settings):
    rows = rows_of_words(100, 100)
    several = 0
    for row, (positions, replacements) in zip(rows, masked(rows, vocabulary, **settings), strict=True):
        word = np.cumsum(~vocabulary.continues[row])
        for number in set(word[positions]):
            assert set(np.flatnonzero(word == number)) <= set(positions)
            pieces = replacements[word[positions] == number]
            assert (pieces == MASK).all() or not (pieces == MASK).any()
            several += len(pieces) > 1
    assert several > 500


def test_pieces_are_masked_one_by_one_unless_words_are_asked_for(vocabulary):
    rows = rows_of_words(50, 250)
    lengths = [len(run) for positions, _ in masked(rows, vocabulary) for run in runs(positions)]
    assert abs(np.mean(np.array(lengths) == 1) - 0.85) < 0.02  # the next is masked with 15 percent too


def test_lengths_of_ngrams_are_in_proportion_to_one_over_n(vocabulary):
    rows = [np.concatenate([[CLS], np.full(4000, 7), [SEP]])] * 60
    lengths = Counter(
        len(run) for positions, _ in masked(rows, vocabulary, rate=0.01, ngram=4) for run in runs(positions)
    )
    total = sum(lengths[n] for n in range(1, 5))
    for n in range(1, 5):  # so few that they seldom touch
        assert abs(lengths[n] / total - 1 / n / (1 + 1 / 2 + 1 / 3 + 1 / 4)) < 0.04


def test_an_ngram_does_not_reach_over_a_special_token(vocabulary):
    """Here no word has a neighbour, so that every n-gram is one word."""
    row = np.array([CLS, 7, SEP, 8, SEP, 9, SEP])
    counts = Counter(
        len(mask_row(row, key=key, masking=Masking(rate=0.9, ngram=5), vocabulary=vocabulary)[0]) for key in range(300)
    )
    assert set(counts) <= {2, 3}  # a longer one would not fit and leave the budget unused
    one = [mask_row(row, key=key, masking=Masking(rate=0.4, ngram=5), vocabulary=vocabulary)[0] for key in range(300)]
    assert {len(positions) for positions in one} == {1, 2}


def test_a_segmenter_says_where_words_begin(vocabulary):
    row = np.concatenate([[CLS], np.arange(6, 46), [SEP]])
    starts = np.array([1] + [1, 0, 0, 0] * 10 + [1])
    found = [
        mask_row(row, key=key, masking=Masking(whole_words=True), vocabulary=vocabulary, word_starts=starts)[0]
        for key in range(100)
    ]
    assert {len(positions) for positions in found} <= {4, 8}
    for positions in found:
        assert all(len(run) % 4 == 0 and run[0] % 4 == 1 for run in runs(positions))


def test_masks_are_a_function_of_the_key_and_differ_between_epochs(vocabulary):
    rows = rows_of_words(30, 250)
    first, again, other = (masked(rows, vocabulary, epoch=epoch) for epoch in (0, 0, 1))
    overlap = []
    for (a, x), (b, y), (c, _) in zip(first, again, other, strict=True):
        assert a.tolist() == b.tolist()
        assert x.tolist() == y.tolist()
        overlap.append(len(set(a) & set(c)) / len(a))
    assert abs(np.mean(overlap) - 0.15) < 0.03  # as if independent


def test_positions_are_even_over_the_row(vocabulary):
    row = np.concatenate([[CLS], np.full(60, 9), [SEP]])
    hits = np.zeros(62)
    for key in range(3000):
        hits[mask_row(row, key=key, masking=Masking(), vocabulary=vocabulary)[0]] += 1
    assert hits[0] == hits[-1] == 0
    assert (abs(hits[1:-1] / 3000 - 0.15) < 0.03).all()


@pytest.mark.parametrize("settings", [{}, {"whole_words": True}, {"ngram": 3}])
def test_at_least_one_is_masked_if_any_can_be(vocabulary, settings):
    for row in ([CLS, 7, SEP], [CLS, 7, 60, 61, 62, 63, 64, SEP]):
        for positions, replacements in masked([np.array(row)] * 50, vocabulary, **settings):
            assert len(positions) >= 1
            assert len(positions) == len(replacements)
            assert set(positions) <= set(range(1, len(row) - 1))
    for row in ([], [CLS, SEP], [CLS, 1, SEP]):
        for positions, replacements in masked([np.array(row, dtype=int)], vocabulary, **settings):
            assert len(positions) == len(replacements) == 0


def test_a_piece_behind_a_special_token_is_a_word_of_its_own(vocabulary):
    """It continues a word by its name, but the special token before it has ended that word."""
    row = np.array([CLS, 7, SEP, 60, SEP])
    found = [positions.tolist() for positions, _ in masked([row] * 50, vocabulary, whole_words=True)]
    assert set(map(tuple, found)) == {(1,), (3,)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate": 0}, "mask rate is 0"),
        ({"rate": 1.0}, "mask rate is 1.0"),
        ({"mask_share": 0.95}, "add up to 1"),
        ({"random_share": -0.1}, "use shares from 0 to 1"),
        ({"ngram": 0}, "ngram is 0: use 1 or more"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        Masking(**settings)
