"""BERT's WordPiece tokenizer with operations that a `.tflite` file can hold: tensorflow-text's, and LiteRT's own."""

from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from kerasbert.errors import ExportError, TokenizerError
from kerasbert.export.formats.tflite.normalizer import normalizer_model
from kerasbert.tf.wordpiece import check_marks
from kerasbert.tokenizers.character_table import (
    ALONE,
    CODE_POINT,
    DROPPED,
    SEVERAL,
    SPACE,
    CharacterTable,
    characters_of,
)
from kerasbert.tokenizers.wordpiece import MAX_CHARACTERS_PER_WORD

_UNKNOWN = 0xF0000  # a private character, for all that no piece has; the characters of the pieces follow it
_BYTES = 4  # of each private character in UTF-8
_NO_LIMIT = 2**31 - 1


class TextReader(tf.Module):
    """Makes BERT's inputs from a text with operations that TFLite has. The ids are those of the host tokenizer.

    FastBertNormalize replaces each character of a text by a string, and FastWordpieceTokenize splits a text at spaces,
    and the words into pieces. Here the first takes its strings from our own table of characters, in which every
    character is written as a private one of four bytes. The second has rules of its own for white space, punctuation
    and Chinese characters, which match none of these, and its limit of bytes per word becomes BERT's limit of
    characters. Special tokens that stand in the text are found by the same two operations.

    There is one difference: bytes that are not UTF-8 make their word [UNK], and the host drops them.

    Args:
        tokenizer: a `WordPieceTokenizer`. pad_id: fills `input_ids`.
        prompt: is put before each text; it is empty or ends with a space.

    Raises:
        ExportError: see `check_tokenizer`, or tensorflow-text cannot use the vocabulary.
    """

    def __init__(self, tokenizer, *, pad_id: int = 0, prompt: str = ""):
        super().__init__()
        check_tokenizer(tokenizer)
        table, tokens = characters_of(tokenizer), tokenizer._backend.get_added_tokens_decoder()
        private = {ord(c): chr(_UNKNOWN + n) for n, c in enumerate(_characters(tokenizer.pieces), start=1)}
        pieces = [piece if piece == "[UNK]" else _written(piece, private) for piece in tokenizer.pieces]
        self._words = _Splitter(*_strings(table, private), pieces, MAX_CHARACTERS_PER_WORD * _BYTES)

        contents = {token.content: number for number, token in tokens.items()}
        parts = _characters(contents)
        choice = np.zeros(len(table.symbols), np.int64)
        choice[list(map(ord, parts))] = np.arange(1, len(parts) + 1)
        private = {ord(c): chr(_UNKNOWN + n) for n, c in enumerate(parts)}
        numbers = dict.fromkeys(parts, -1) | contents
        pieces = [f"{prefix}{_written(text, private)}" for text in numbers for prefix in ("", "##")]
        self._tokens = _Splitter([" ", *private.values()], choice, ["[UNK]", *pieces], _NO_LIMIT)
        self._token_ids = tf.constant([-1, *np.repeat([*numbers.values()], 2)], tf.int32)

        (encoding,) = tokenizer.encode([prompt])
        *self._begin, self._sep = encoding.ids  # a space ends a word, so the pieces of prompt and text do not mix
        self._pad_id = pad_id

    def ids(self, text: tf.Tensor, length: int) -> tf.Tensor:
        """`[CLS] prompt text [SEP]`, cut to a length: int32 (tokens,), from strings (1,)."""
        pieces, places, _ = self._words(text)
        found, begins, ends = self._tokens(text)
        found = tf.gather(self._token_ids, found)
        some = tf.where(found >= 0)[:, 0]
        nowhere = tf.constant([-1], tf.int64)  # LiteRT reduces no empty axis
        begins, ends = (tf.concat([nowhere, tf.gather(each, some)], 0) for each in (begins, ends))
        found = tf.concat([[0], tf.gather(found, some)], 0)
        places = places[:, tf.newaxis]
        first = tf.cast(places == begins, tf.int32)  # (pieces, tokens): whether a piece is the first of a special token
        inside = tf.cast((places >= begins) & (places < ends), tf.int32)
        is_first, is_inside = tf.reduce_sum(first, 1), tf.reduce_sum(inside, 1)
        ids = tf.where(is_first > 0, tf.reduce_sum(first * found, 1), pieces)
        ids = tf.gather(ids, tf.where(is_first >= is_inside)[:, 0])
        return tf.concat([tf.concat([self._begin, ids], 0)[: length - 1], [self._sep]], 0)

    def __call__(self, text: tf.Tensor, length: int) -> dict[str, tf.Tensor]:
        """`input_ids`, `attention_mask` and `token_type_ids`, int32 (1, length), from strings (1,)."""
        ids = self.ids(text, length)
        padding = [[0, length - tf.shape(ids)[0]]]

        def padded(row, fill):
            return tf.reshape(tf.pad(row, padding, constant_values=fill), (1, length))

        return {
            "input_ids": padded(ids, self._pad_id),
            "attention_mask": padded(tf.ones_like(ids), 0),
            "token_type_ids": tf.zeros((1, length), tf.int32),
        }


class _Splitter(tf.Module):
    """Replaces the characters of a text, and splits the result into pieces.

    Args:
        strings, choice: see `normalizer_model`.
        pieces: among them [UNK]; `##` marks those that continue a word.
        longest: most bytes of a word; a longer one is [UNK].

    Raises:
        ExportError: tensorflow-text cannot use the pieces.
    """

    def __init__(self, strings: Sequence[str], choice: np.ndarray, pieces: Sequence[str], longest: int):
        super().__init__()
        model = normalizer_model([each.encode() for each in strings], choice)
        self._normalizer = tf_text.FastBertNormalizer(model_buffer=model)
        try:
            self._wordpiece = tf_text.FastWordpieceTokenizer(
                pieces, max_bytes_per_word=longest, token_out_type=tf.int32, support_detokenization=False
            )
        except Exception as error:  # its exceptions are not documented
            raise ExportError(f"tensorflow-text cannot use this vocabulary: {error}") from error

    def __call__(self, text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Numbers of the pieces, int32 (pieces,), and where each begins and ends, in bytes of the text, int64."""
        # Only the values of ragged tensors: row splits would not convert, and say nothing about a single text.
        text, places = self._normalizer.normalize_with_offsets(text)
        pieces, begins, ends = (each.flat_values for each in self._wordpiece.tokenize_with_offsets(text))
        return pieces, *(tf.gather(places.flat_values, each) for each in (begins, ends))


def _characters(texts: Iterable[str]) -> list[str]:
    return sorted(set("".join(texts)))


def _written(piece: str, private: dict[int, str]) -> str:
    """A piece with private characters; `##` at its begin stays."""
    text = piece.removeprefix("##")
    return piece[: len(piece) - len(text)] + text.translate(private)


def _strings(table: CharacterTable, private: dict[int, str]) -> tuple[list[str], np.ndarray]:
    """The strings to replace characters by, and for each code point the number of its string."""
    codes = np.full(CODE_POINT + 1, _UNKNOWN)
    codes[[*private]] = [*map(ord, private.values())]

    def in_private(symbols):
        single = (symbols > SPACE) & (symbols < SEVERAL)
        return np.where(single, codes[symbols & CODE_POINT] | symbols & ALONE, symbols)

    expansions = in_private(table.expansions).tolist()

    def string(symbol: int) -> str:
        if symbol >= SEVERAL:
            return "".join(map(string, expansions[symbol - SEVERAL]))
        character = "" if symbol == DROPPED else chr(symbol & CODE_POINT)
        return f" {character} " if character and symbol & ALONE else character

    symbols, choice = np.unique(in_private(table.symbols), return_inverse=True)
    texts = [*map(string, symbols.tolist())]
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    return [*numbers], np.array([numbers[text] for text in texts])[choice]


def check_tokenizer(tokenizer) -> None:
    """Raises ExportError for another tokenizer than BERT's, and for added tokens or combining marks that the operations
    cannot follow.

    An added token must be matched as it is written, and be made of whole words in every text. It is, if its first and
    its last character are words by themselves.
    """
    if tokenizer.kind != "wordpiece":
        raise ExportError(
            f"tensorflow-text has no {tokenizer.kind} tokenizer for TFLite, only BERT's: leave tflite-text out"
        )
    table = characters_of(tokenizer)
    try:
        check_marks(tokenizer, table)
    except TokenizerError as error:
        raise ExportError(f"{error}, or leave tflite-text out") from None
    for token in tokenizer._backend.get_added_tokens_decoder().values():
        ends = [table.of(character) for character in token.content[:1] + token.content[-1:]]
        whole = all(len(each) == 1 and each[0] != DROPPED and each[0] & ALONE for each in ends)
        if token.normalized or token.single_word or token.lstrip or token.rstrip or not whole:
            raise ExportError(
                f"the operations of TFLite cannot follow the added token {token.content!r}: leave tflite-text out"
            )
