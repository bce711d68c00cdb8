"""Texts of any length as rows that overlap."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import small_vocabulary

from kerasbert.errors import TokenizerError
from kerasbert.tokenizers import BytePairTokenizer, WordPieceTokenizer

TEXT = "😀 the film was good, and the staff were unkind; " * 9


@pytest.fixture(scope="module", params=["wordpiece", "bytepair"])
def tokenizer(request):
    if request.param == "wordpiece":
        return WordPieceTokenizer(small_vocabulary())
    return BytePairTokenizer.read(Path(__file__).parent / "fixtures" / "roberta")


def inner(encoding):
    """Ids, offsets and word numbers without the two special tokens."""
    return list(zip(encoding.ids, encoding.offsets, encoding.word_ids, strict=True))[1:-1]


@pytest.mark.parametrize(("max_length", "stride"), [(12, 4), (12, 0), (16, 13), (5, 1), (3, 0), (1000, 10)])
def test_windows_hold_every_token_with_its_place_in_the_whole_text(tokenizer, max_length, stride):
    (whole,) = tokenizer.encode([TEXT])
    windows = tokenizer.windows(TEXT, max_length=max_length, stride=stride)
    step = max_length - 2 - stride
    for index, window in enumerate(windows):
        assert inner(window) == inner(whole)[index * step : index * step + max_length - 2]
        assert [window.ids[0], window.ids[-1]] == [whole.ids[0], whole.ids[-1]]
    assert inner(windows[-1])[-1] == inner(whole)[-1]
    assert all(len(window) == max_length for window in windows[:-1])


def test_a_short_text_is_one_window_as_it_is_encoded(tokenizer):
    for text in ("", "good", "the film"):
        (window,) = tokenizer.windows(text, max_length=8, stride=2)
        assert window.ids == tokenizer.encode([text])[0].ids


def test_the_first_text_of_a_pair_stands_in_every_window(tokenizer):
    windows = tokenizer.windows("the film", TEXT, max_length=20, stride=4, cut="only_second")
    assert len(windows) > 5
    starts = {tuple(window.ids[: window.ids.index(window.ids[-1]) + 1]) for window in windows}
    assert len(starts) == 1
    assert len({window.offsets[-2] for window in windows}) == len(windows)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_length": 12, "stride": 10}, r"^stride=10 does not fit max_length=12: use 0 to 9$"),
        ({"max_length": 12, "stride": -1}, r"^stride=-1 does not fit max_length=12: use 0 to 9$"),
        ({"max_length": 1}, r"^max_length=1 is too small: the special tokens of a text alone are 2$"),
    ],
)
def test_windows_that_cannot_move_on_are_refused(tokenizer, options, said):
    with pytest.raises(TokenizerError, match=said):
        tokenizer.windows("the film", **options)
    with pytest.raises(TokenizerError, match="leave no room to cut a pair"):
        tokenizer.windows(TEXT, "the film", max_length=12, stride=2, cut="only_second")


def test_threads_ask_for_windows_of_different_lengths(tokenizer):
    def count(max_length):
        return len(tokenizer.windows(TEXT, max_length=max_length, stride=2))

    lengths = list(range(8, 40)) * 4
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(count, lengths)) == [count(length) for length in lengths]
