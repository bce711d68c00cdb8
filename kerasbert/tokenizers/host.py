"""The base class of the host-side tokenizers: it checks texts and returns padded int32 arrays."""

import copy
import json
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
import tokenizers

from kerasbert.errors import TokenizerError
from kerasbert.files import write_text

_SURROGATE = re.compile("[\ud800-\udfff]")


class HostTokenizer:
    """A tokenizer of the `tokenizers` library, with kerasbert's rules for batches, padding and truncation.

    Calling it returns int32 arrays `(batch, sequence)`, padded on the right to the longest row. Threads may share one
    tokenizer. Lone surrogates, which UTF-8 cannot represent, are read as U+FFFD.

    Args:
        backend: a `tokenizers.Tokenizer` with its normalizer, pre-tokenizer, model and post-processor.

    Raises:
        TokenizerError: the ids of the vocabulary do not run from 0 without a gap.
    """

    kind: str
    has_token_types: bool
    special: dict[str, str]
    """Special tokens by role: pad, unk, cls, sep, mask."""

    def __init__(self, backend: tokenizers.Tokenizer):
        self._backend = backend
        self._truncating: dict[tuple, tokenizers.Tokenizer] = {}
        self.pad_id = self.id_of("pad")
        by_id = {index: token for token, index in backend.get_vocab(with_added_tokens=True).items()}
        if sorted(by_id) != list(range(len(by_id))):
            gap = next(index for index in range(len(by_id)) if index not in by_id)
            raise TokenizerError(
                f"the vocabulary has {len(by_id)} tokens and none with id {gap}; ids must run from 0 without a gap"
            )
        self.vocabulary = [by_id[index] for index in range(len(by_id))]

    def id_of(self, role: str) -> int | None:
        """The id of the special token with a role, such as "mask"; None if the vocabulary lacks it."""
        return self._backend.token_to_id(self.special[role])

    @property
    def content(self) -> str:
        """All that it does, as the text of a tokenizer.json. Equal tokenizers have the same."""
        return self._backend.to_str()

    def with_token_types(self, wanted: bool) -> "HostTokenizer":
        """Returns this tokenizer, or a copy of it, with `has_token_types` as a model needs it."""
        if self.has_token_types == wanted:
            return self
        twin = copy.copy(self)  # a copy, because others may use this tokenizer
        twin.has_token_types = wanted
        return twin

    def continues_word(self, token: str) -> bool:
        """Whether a token of the vocabulary continues the word before it."""
        raise NotImplementedError

    def extended(self, tokens: Sequence[dict]) -> "HostTokenizer":
        """A tokenizer with further added tokens, whose ids follow.

        Args:
            tokens: in the form that they have in tokenizer.json (`kerasbert.tokenizers.declared.FLAGS`).
        """
        raise NotImplementedError

    def reduced(self, kept: Collection[str]) -> "HostTokenizer":
        """A tokenizer with these tokens of the vocabulary only, in the order of their ids."""
        raise NotImplementedError

    def needed(self, used: Collection[str], unknown: Collection[str]) -> dict[str, set[str]]:
        """The tokens that must stay beside others, so that texts keep their tokens when the rest is removed.

        Args:
            used: the tokens of the texts.
            unknown: the words of the texts that the vocabulary cannot write.

        Returns:
            What they are, in the words of reports -> the tokens.
        """
        raise NotImplementedError

    def normalized(self, text: str) -> str:
        """The text as words are looked up, such as in lower case."""
        normalizer = self._backend.normalizer
        return text if normalizer is None else normalizer.normalize_str(text)

    @property
    def matched_whole(self) -> set[str]:
        """The added tokens, which are found in a text before it is split into words."""
        return {token.content for token in self._backend.get_added_tokens_decoder().values()}

    @property
    def special_tokens(self) -> set[str]:
        """The tokens that are not text: those of `special`, and added tokens marked as special."""
        added = self._backend.get_added_tokens_decoder().values()
        return {*self.special.values(), *(token.content for token in added if token.special)}

    @property
    def vocab_size(self) -> int:
        """Number of tokens, including added ones: the number of rows that an embedding table needs."""
        return len(self.vocabulary)

    def __call__(self, texts, pairs=None, *, max_length: int | None = None) -> dict[str, np.ndarray]:
        """Tokenises a batch.

        Args:
            texts: strings, or tuples of two strings; a single string is a batch of one.
            pairs: the second text of each row; None if there are none.
            max_length: largest number of tokens per row, including special ones. The longer text of a pair is cut
                first. None: nothing is cut.

        Returns:
            `input_ids`, `attention_mask` and, with `has_token_types`, `token_type_ids`: int32, `(batch, longest row)`.

        Raises:
            TokenizerError: a text is not a string, `pairs` has another length, or `max_length` leaves no room.
        """
        encodings = self._encode(texts, pairs, max_length, tokenizers.Tokenizer.encode_batch_fast)
        width = max((len(encoding) for encoding in encodings), default=0)
        batch = {"input_ids": np.full((len(encodings), width), self.pad_id, np.int32)}
        if self.has_token_types:
            batch["token_type_ids"] = np.zeros((len(encodings), width), np.int32)
        batch["attention_mask"] = np.zeros((len(encodings), width), np.int32)
        for row, encoding in enumerate(encodings):
            batch["input_ids"][row, : len(encoding)] = encoding.ids
            batch["attention_mask"][row, : len(encoding)] = 1
            if self.has_token_types:
                batch["token_type_ids"][row, : len(encoding)] = encoding.type_ids
        return batch

    def piece_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each text, not cut and without special tokens around them."""
        rows, _ = _columns(texts, None)
        return [row.ids for row in self._backend.encode_batch_fast(rows, add_special_tokens=False)]

    def encode(self, texts, pairs=None, *, max_length: int | None = None) -> list[tokenizers.Encoding]:
        """Tokenises a batch without padding. Arguments and errors are the same as for calling the tokenizer.

        Returns:
            One `tokenizers.Encoding` per row, with `ids`, `type_ids`, `tokens` and `offsets` (characters of the text).
        """
        return self._encode(texts, pairs, max_length, tokenizers.Tokenizer.encode_batch)

    def windows(
        self, first: str, second: str | None = None, *, max_length: int, stride: int = 0, cut: str = "longest_first"
    ) -> list[tokenizers.Encoding]:
        """Tokenises a text of any length as rows of at most `max_length` tokens that overlap.

        Args:
            first: the text.
            second: the second text of a pair; None if there is none.
            max_length: largest number of tokens per row, including special ones.
            stride: number of tokens that two neighbouring rows share.
            cut: the text of a pair that is cut: "only_first", "only_second" (the other one is then in every row), or
                "longest_first".

        Returns:
            One `tokenizers.Encoding` per row, in the order of the text. Its `offsets` count characters of the whole
            text, and its `word_ids` count words of the whole text.

        Raises:
            TokenizerError: a text is not a string, `max_length` leaves no room, or `stride` leaves no room for new
                tokens.
        """
        room = max_length - self._backend.num_special_tokens_to_add(second is not None)
        if not 0 <= stride < max(room, 1):
            raise TokenizerError(f"stride={stride} does not fit max_length={max_length}: use 0 to {max(room, 1) - 1}")
        pairs = None if second is None else [second]
        try:
            (found,) = self._encode([first], pairs, max_length, tokenizers.Tokenizer.encode_batch, stride, cut)
        except TokenizerError:
            raise
        except Exception as error:  # the library raises a bare Exception where the other text of a pair fills the row
            raise TokenizerError(
                f"max_length={max_length} and stride={stride} leave no room to cut a pair ({error})"
            ) from None
        return [found, *found.overflowing]

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        """The text of one row of ids, as far as it can be restored."""
        return self._backend.decode([int(i) for i in ids], skip_special_tokens=skip_special_tokens)

    def _encode(
        self, texts, pairs, max_length, encode_batch, stride=0, cut="longest_first"
    ) -> list[tokenizers.Encoding]:
        texts, pairs = _columns(texts, pairs)
        rows = texts if pairs is None else list(zip(texts, pairs, strict=True))
        if max_length is None:
            return _encoded(self._backend, rows, encode_batch)
        extra = self._backend.num_special_tokens_to_add(pairs is not None)
        if max_length < extra:
            what = "a text" if pairs is None else "a pair"
            raise TokenizerError(
                f"max_length={max_length} is too small: the special tokens of {what} alone are {extra}"
            )
        return _encoded(self._backend_that_cuts(max_length, stride, cut), rows, encode_batch)

    def _backend_that_cuts(self, *how) -> tokenizers.Tokenizer:
        """A copy that cuts to a length: the library stores the length in the tokenizer, which threads share."""
        if how not in self._truncating:
            max_length, stride, cut = how
            backend = tokenizers.Tokenizer.from_str(self._backend.to_str())
            backend.enable_truncation(max_length, stride=stride, strategy=cut)
            self._truncating[how] = backend
        return self._truncating[how]

    def save(self, folder: str | Path, *, max_length: int | None = None) -> None:
        """Writes the tokenizer's files, which transformers can open.

        Args:
            folder: made if it is not there.
            max_length: the number of tokens that other libraries cut a text to; None: they cut nothing.
        """
        raise NotImplementedError

    def _save_tokenizer_json(self, folder: Path, config: dict, max_length: int | None) -> None:
        if max_length is not None:
            config["model_max_length"] = max_length
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "tokenizer.json", self._backend.to_str(pretty=True))
        write_text(folder / "tokenizer_config.json", json.dumps(config, indent=2) + "\n")


def _encoded(backend: tokenizers.Tokenizer, rows: list, encode_batch) -> list[tokenizers.Encoding]:
    """The encodings of rows. A single one is read in this thread: to wake the library's own takes up to 0.1 ms."""
    if len(rows) != 1:
        return encode_batch(backend, rows)
    (row,) = rows
    return [backend.encode(row) if isinstance(row, str) else backend.encode(*row)]


def _columns(texts, pairs) -> tuple[list[str], list[str] | None]:
    texts = _rows(texts, "texts")
    if pairs is None and texts and all(isinstance(row, tuple) and len(row) == 2 for row in texts):
        texts, pairs = [row[0] for row in texts], [row[1] for row in texts]
    if pairs is None:
        return checked(texts, "texts"), None
    pairs = _rows(pairs, "pairs")
    if len(texts) != len(pairs):
        raise TokenizerError(f"{len(texts)} texts but {len(pairs)} pairs: each text needs one second text")
    return checked(texts, "texts"), checked(pairs, "pairs")


def _rows(texts, where: str) -> list:
    if isinstance(texts, str):
        return [texts]
    if not isinstance(texts, Iterable):
        raise TokenizerError(f"{where} is {texts!r:.60} ({type(texts).__name__}), not a string or a list of strings")
    return list(texts)


def checked(texts: list, where: str) -> list[str]:
    """The list itself, with U+FFFD for lone surrogates.

    Raises:
        TokenizerError: a text is not a string; the message names its place.
    """
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise TokenizerError(f"{where}[{index}] is {text!r:.60} ({type(text).__name__}), not a string")
        if not text.isascii() and _SURROGATE.search(text):
            texts[index] = _SURROGATE.sub("\ufffd", text)
    return texts
