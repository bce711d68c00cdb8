"""BERT's WordPiece tokenizer as TensorFlow ops. It returns the same ids as the host tokenizer.

tensorflow-text has its own normalizer and pre-tokenizer, but they use another Unicode version, other white space and
other rules for words that are too long. Here a table made with the `tokenizers` library does both steps, and
tensorflow-text does only the last one, from words to pieces.
"""

import tensorflow as tf
import tensorflow_text as tf_text

from kerasbert.errors import TokenizerError
from kerasbert.tokenizers.character_table import (
    ALONE,
    CODE_POINT,
    DROPPED,
    SEVERAL,
    SPACE,
    CharacterTable,
    read_characters,
    sorted_marks,
)
from kerasbert.tokenizers.wordpiece import MAX_CHARACTERS_PER_WORD, WordPieceTokenizer

_START = 1 << 22  # a flag of symbols: first character of a word
_ADDED = 0xF0000  # private characters stand for the added tokens; they are dropped from every text
_ROW_END = "\0"  # dropped from every text, so no added token matches across two texts


class InGraphWordPiece(tf.Module):
    """Computes the ids of a `WordPieceTokenizer` in a graph: in `tf.data`, a tf.function or a SavedModel.

    The ids equal those of the host tokenizer for every text. Bytes that are not UTF-8 are read as U+FFFD. Offsets are
    available from the host tokenizer only.

    Args:
        tokenizer: the host tokenizer. It is not kept.

    Raises:
        TokenizerError: the graph cannot reproduce the tokenizer's added tokens or vocabulary.
    """

    def __init__(self, tokenizer: WordPieceTokenizer):
        super().__init__()
        backend = tokenizer._backend
        strip_accents = tokenizer.do_lower_case if tokenizer.strip_accents is None else tokenizer.strip_accents
        table = read_characters(
            do_lower_case=tokenizer.do_lower_case,
            strip_accents=strip_accents,
            tokenize_chinese_chars=tokenizer.tokenize_chinese_chars,
        )
        added = backend.get_added_tokens_decoder()
        as_written, normalized = [], []
        for code, token in enumerate(added.values(), _ADDED):
            if token.normalized:
                content = "".join(chr(symbol & CODE_POINT) for symbol in table.of(token.content))
                normalized.append((content, code, token))
            else:
                as_written.append((token.content, code, token))
        _check_added(as_written, normalized)
        if strip_accents:
            _check_marks(tokenizer.pieces, normalized, table)
        self._as_written = _Finder(as_written)
        self._normalized = _Finder(normalized)

        try:
            self._wordpiece = tf_text.FastWordpieceTokenizer(
                [*tokenizer.pieces, *(chr(_ADDED + index) for index in range(len(added)))],
                no_pretokenization=True,
                max_bytes_per_word=4 * MAX_CHARACTERS_PER_WORD,
                token_out_type=tf.int32,
            )
        except Exception as error:  # the exceptions of the builder are not documented
            raise TokenizerError(f"tensorflow-text cannot use this vocabulary in a graph: {error}") from error
        self._ids = tf.constant([*range(len(tokenizer.pieces)), *added], tf.int32)
        self._symbols = tf.constant(table.symbols)
        self._expansions = tf.constant(table.expansions)
        self._special = {name: backend.token_to_id(name) for name in ("[CLS]", "[SEP]", "[PAD]")}

    def __call__(self, texts, pairs=None, *, max_length: int | None = None) -> dict[str, tf.Tensor]:
        """Tokenises a batch as the host tokenizer does.

        Args:
            texts: strings `(batch,)`.
            pairs: the second text of each row, strings `(batch,)`; None if there are none.
            max_length: largest number of tokens per row, including special ones. The longer text of a pair is cut
                first. None: nothing is cut.

        Returns:
            `input_ids`, `token_type_ids`, `attention_mask`: int32 `(batch, longest row)`.

        Raises:
            TokenizerError: `max_length` leaves no room.
        """
        first, second = self.pieces(texts), None if pairs is None else self.pieces(pairs)
        if max_length is not None:
            extra = 2 if second is None else 3
            if max_length < extra:
                what = "a text" if second is None else "a pair"
                raise TokenizerError(
                    f"max_length={max_length} is too small: the special tokens of {what} alone are {extra}"
                )
            first, second = _longest_first(first, second, max_length - extra)

        def column(name):
            return tf.fill([first.nrows(), 1], self._special[name])

        parts = [column("[CLS]"), first, column("[SEP]")]
        types = [tf.zeros_like(part) for part in parts]
        if second is not None:
            parts += [second, column("[SEP]")]
            types += [tf.ones_like(part) for part in parts[3:]]
        ids, types = tf.concat(parts, axis=1), tf.concat(types, axis=1)
        return {
            "input_ids": ids.to_tensor(self._special["[PAD]"]),
            "token_type_ids": types.to_tensor(),
            "attention_mask": tf.ones_like(ids).to_tensor(),
        }

    def pieces(self, texts) -> tf.RaggedTensor:
        """The ids of each text, not cut and without special tokens around them: int32 `(batch, None)`.

        All texts are processed as one row of characters; `ends` holds the position where each text ends.
        """
        with tf.device("CPU:0"):  # strings are on the CPU; moving the integers to a GPU and back costs time
            characters = tf.strings.unicode_decode(tf.strings.join([texts, _ROW_END]), "UTF-8")
            ends = characters.row_splits[1:] - 1
            characters = characters.flat_values
            symbols = tf.gather(self._symbols, characters)
            places, values = self._as_written(characters)
            places = tf.concat([ends, places], 0)[:, tf.newaxis]
            values = tf.concat([tf.fill(tf.shape(ends), SPACE), values], 0)
            symbols = tf.tensor_scatter_nd_update(symbols, places, values)

            if self._expansions.shape[0]:
                symbols, ends = tf.cond(
                    tf.reduce_any(symbols >= SEVERAL), lambda: self._expand(symbols, ends), lambda: (symbols, ends)
                )
            symbols, ends = _keep(symbols, ends, symbols != DROPPED)
            if self._normalized:
                places, values = self._normalized(tf.bitwise.bitwise_and(symbols, CODE_POINT))
                symbols = tf.tensor_scatter_nd_update(symbols, places[:, tf.newaxis], values)
                symbols, ends = _keep(symbols, ends, symbols != DROPPED)

            alone = tf.bitwise.bitwise_and(symbols, ALONE) != 0
            breaks = alone | (symbols == SPACE)
            starts = alone | tf.concat([[True], breaks[:-1]], 0)
            symbols, ends = _keep(tf.where(starts, symbols + _START, symbols), ends, symbols != SPACE)

            starts = tf.where(symbols >= _START)[:, 0]
            splits = tf.concat([starts, tf.shape(symbols, tf.int64)], 0)
            characters = tf.bitwise.bitwise_and(symbols, CODE_POINT)
            words = tf.strings.unicode_encode(
                tf.RaggedTensor.from_row_splits(characters, splits, validate=False), "UTF-8"
            )
            words = tf.where(splits[1:] - splits[:-1] > MAX_CHARACTERS_PER_WORD, "[UNK]", words)
            pieces = self._wordpiece.tokenize(words)
            words_before = tf.concat([[0], tf.searchsorted(starts, ends, out_type=tf.int64)], 0)
            return tf.RaggedTensor.from_row_splits(
                tf.gather(self._ids, pieces.values), tf.gather(pieces.row_splits, words_before), validate=False
            )

    def _expand(self, symbols, ends):
        """Gives every character as many places as the longest expansion has, and writes the expansions into them."""
        several = symbols >= SEVERAL
        width = self._expansions.shape[1]
        expanded = tf.gather(self._expansions, tf.where(several, symbols - SEVERAL, 0))
        single = tf.pad(symbols[:, tf.newaxis], [[0, 0], [0, width - 1]], constant_values=DROPPED)
        return tf.reshape(tf.where(several[:, tf.newaxis], expanded, single), [-1]), ends * width


class _Finder(tf.Module):
    """Finds added tokens in a row of characters and returns the symbols that replace them.

    The first character of a token is replaced by the token's own symbol, a word by itself. The others are dropped.
    """

    def __init__(self, tokens: list[tuple]):
        super().__init__()
        self._firsts = sorted({ord(content[0]) for content, _, _ in tokens})
        self._overlap = _can_overlap({content for content, _, _ in tokens})
        self._tables = []
        for length in sorted({len(content) for content, _, _ in tokens}):
            codes = {content: code | ALONE for content, code, _ in tokens if len(content) == length}
            pairs = tf.lookup.KeyValueTensorInitializer(list(codes), list(codes.values()), tf.string, tf.int32)
            self._tables.append((length, tf.lookup.StaticHashTable(pairs, 0)))

    def __bool__(self):
        return bool(self._tables)

    def __call__(self, characters) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns places in the row, int64, and the symbols to write there, int32."""
        begins = tf.zeros_like(characters, tf.bool)
        for first in self._firsts:
            begins |= characters == first
        places = tf.where(begins)[:, 0]
        symbols, lengths = tf.zeros_like(places, tf.int32), tf.zeros_like(places)
        if self._tables:
            characters = tf.pad(characters, [[0, self._tables[-1][0]]])
        for length, table in self._tables:  # from short to long, because the longest match counts
            window = tf.gather(characters, places[:, tf.newaxis] + tf.range(length, dtype=tf.int64))  # (places, length)
            found = table.lookup(tf.strings.unicode_encode(window, "UTF-8"))
            symbols = tf.where(found > 0, found, symbols)
            lengths = tf.where(found > 0, tf.constant(length, tf.int64), lengths)
        places, symbols, lengths = (tf.boolean_mask(each, lengths > 0) for each in (places, symbols, lengths))
        if self._overlap:
            remain = _first_come(places, places + lengths)
            places, symbols, lengths = (tf.boolean_mask(each, remain) for each in (places, symbols, lengths))
        steps = tf.ragged.range(lengths)
        filled = tf.where(steps.values == 0, tf.repeat(symbols, lengths), DROPPED)
        return tf.repeat(places, lengths) + steps.values, filled


def _keep(symbols, ends, mask):
    """Keeps the symbols where the mask is true, and returns the texts' new ends."""

    def some():
        places = tf.where(mask)[:, 0]
        return tf.gather(symbols, places), tf.searchsorted(places, ends, out_type=tf.int64)

    return tf.cond(tf.reduce_all(mask), lambda: (symbols, ends), some)


def _can_overlap(contents: set[str]) -> bool:
    """Whether two strings, or two copies of one, can overlap in a text with different beginnings."""
    beginnings = {content[:end] for content in contents for end in range(1, len(content) + 1)}
    rests = {content[begin:] for content in contents for begin in range(1, len(content))}
    return any(rest[:end] in contents for rest in rests for end in range(1, len(rest))) or bool(rests & beginnings)


def _first_come(begins, ends):
    """Which matches remain if, from left to right, each that overlaps an earlier remaining one is left out."""
    none = tf.zeros([], tf.int64)

    def one_by_one():
        reached = tf.scan(lambda reach, match: tf.where(match[0] < reach, reach, match[1]), (begins, ends), none)
        return begins >= tf.concat([[none], reached[:-1]], 0)

    return tf.cond(tf.reduce_all(begins[1:] >= ends[:-1]), lambda: tf.ones_like(begins, tf.bool), one_by_one)


def _longest_first(first: tf.RaggedTensor, second: tf.RaggedTensor | None, room: int):
    """Cuts like the `tokenizers` library's strategy "longest_first". The shorter text keeps at most half of the room,
    rounded down, and the longer one gets the rest. If both are of one length, the first counts as the shorter."""

    def cut(rows, keep):
        return tf.RaggedTensor.from_tensor(rows.to_tensor(shape=(None, room)), lengths=keep)

    a = first.row_lengths()
    if second is None:
        return cut(first, tf.minimum(a, room)), None
    b = second.row_lengths()
    short = tf.minimum(tf.minimum(a, b), room // 2)
    long = tf.minimum(tf.maximum(a, b), room - short)
    return cut(first, tf.where(a > b, long, short)), cut(second, tf.where(a > b, short, long))


def _check_added(as_written: list[tuple], normalized: list[tuple]) -> None:
    """Raises TokenizerError for added tokens whose matching depends on more than their own characters."""
    strips = any(token.lstrip or token.rstrip for _, _, token in as_written + normalized)
    for tokens, spaces_at_the_edge in ((as_written, not strips), (normalized, False)):
        for content, _, token in tokens:
            reason = None
            if token.single_word:
                reason = "is matched as a single word only (single_word)"
            elif not content or "\0" in content:
                reason = "is empty once normalized" if not content else "holds a NUL"
            elif content != content.strip() and not spaces_at_the_edge:
                reason = "begins or ends with white space"
            if reason:
                raise TokenizerError(
                    f"the added token {token.content!r} {reason}, which the graph cannot follow; tokenise on the host"
                )


def _check_marks(pieces: list[str], normalized: list[tuple], table: CharacterTable) -> None:
    """Raises TokenizerError if the order of combining marks matters to the vocabulary: the graph does not sort them.

    Only marks in pieces count, because a word with a character that no piece has is [UNK] in any order.
    """

    def marks(texts):
        return sorted_marks(each for each in set("".join(texts)) if table.of(each) == [ord(each)])

    groups = marks(pieces)
    if len(groups) > 1 or marks(content for content, _, _ in normalized):
        names = ", ".join(f"U+{ord(group[0]):04X}" for group in groups)
        raise TokenizerError(
            f"the vocabulary holds combining marks ({names}) whose order matters when accents are stripped, "
            "which the graph cannot follow; tokenise on the host"
        )
