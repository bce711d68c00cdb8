"""BERT's WordPiece tokenizer as TensorFlow ops. It returns the same ids as the host tokenizer.

tensorflow-text has its own normalizer and pre-tokenizer, but they use another Unicode version, other white space and
other rules for words that are too long. Here a table made with the `tokenizers` library does both steps, and
tensorflow-text does only the last one, from words to pieces.
"""

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_text as tf_text

from kerasbert.errors import TokenizerError
from kerasbert.tf.cutting import CUTS, cut_rows, with_ends
from kerasbert.tokenizers.character_table import (
    ALONE,
    CODE_POINT,
    DROPPED,
    SEVERAL,
    SPACE,
    CharacterTable,
    characters_of,
    sorted_marks,
    strips_accents,
)
from kerasbert.tokenizers.wordpiece import MAX_CHARACTERS_PER_WORD, WordPieceTokenizer

_START = 1 << 22  # a flag of symbols: first character of a word
_ADDED = 0xF0000  # private characters stand for the added tokens; they are dropped from every text
_ROW_END = "\0"  # dropped from every text, so no added token matches across two texts


class InGraphWordPiece(tf.Module):
    """Computes the ids of a `WordPieceTokenizer` in a graph: in `tf.data`, a tf.function or a SavedModel.

    The ids equal those of the host tokenizer for every text, and so do the offsets, with one exception: a few marks
    stay when accents are stripped, and NFD moves them over others (such as U+302E). The host tokenizer counts their
    offsets as if they had not moved; the graph gives their true places. Bytes that are not UTF-8 are read as U+FFFD.

    Args:
        tokenizer: the host tokenizer. It is not kept.

    Raises:
        TokenizerError: the graph cannot reproduce the tokenizer's added tokens or vocabulary.
    """

    def __init__(self, tokenizer: WordPieceTokenizer):
        super().__init__()
        backend = tokenizer._backend
        table = characters_of(tokenizer)
        added = backend.get_added_tokens_decoder()
        as_written, normalized = [], []
        for code, token in enumerate(added.values(), _ADDED):
            if token.normalized:
                content = "".join(chr(symbol & CODE_POINT) for symbol in table.of(token.content))
                normalized.append((content, code, token))
            else:
                as_written.append((token.content, code, token))
        _check_added(as_written, normalized)
        check_marks(tokenizer, table, [content for content, _, _ in normalized])
        self._strips = [token.content for token in added.values() if token.lstrip or token.rstrip]
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
        self._unknown = tokenizer.pieces.index("[UNK]")
        self._ids = tf.constant([*range(len(tokenizer.pieces)), *added], tf.int32)
        self._symbols = tf.constant(table.symbols)
        self._expansions = tf.constant(table.expansions)
        self._special = {name: backend.token_to_id(name) for name in ("[CLS]", "[SEP]", "[PAD]")}

    def __call__(
        self, texts, pairs=None, *, max_length: int | None = None, offsets: bool = False, cut: str = "longest_first"
    ) -> dict:
        """Tokenises a batch as the host tokenizer does.

        Args:
            texts: strings `(batch,)`.
            pairs: the second text of each row, strings `(batch,)`; None if there are none.
            max_length: largest number of tokens per row, including special ones. None: nothing is cut.
            cut: the text of a pair that is cut: "longest_first", or "only_second", where the first is cut only if
                nothing of the second is left.
            offsets: whether to return the place and the word of each token in its text, which takes more time.

        Returns:
            `input_ids`, `token_type_ids`, `attention_mask`: int32 `(batch, longest row)`. With `offsets` also
            `offsets`, int32 `(batch, longest row, 2)`: the token's first character and the one after its last, in code
            points of its text, 0 and 0 for special tokens and padding; `words`, int32 `(batch, longest row)`: the
            number of its word in its text, -1 for special tokens and padding; and `truncated`, bool `(batch,)`: whether
            the row was cut.

        Raises:
            TokenizerError: `max_length` leaves no room; or offsets are wanted, and an added token takes the spaces
                beside it.
        """
        if offsets and self._strips:
            raise TokenizerError(
                f"the added token {self._strips[0]!r} takes the spaces beside it, so the graph cannot tell where it "
                "begins and ends; tokenise on the host"
            )
        read = [self._read(each, offsets=offsets) for each in (texts, pairs) if each is not None]
        lengths = kept = [ids.row_lengths() for ids, *_ in read]
        if max_length is not None:
            extra = 1 + len(read)
            if max_length < extra:
                what = "a text" if pairs is None else "a pair"
                raise TokenizerError(
                    f"max_length={max_length} is too small: the special tokens of {what} alone are {extra}"
                )
            room = max_length - extra
            kept = CUTS[cut](lengths, room)
            read = [[cut_rows(each, keep, room) for each in columns] for columns, keep in zip(read, kept, strict=True)]
        ids, *spans = zip(*read, strict=True)  # of each text: ids, and perhaps begins, ends and words
        found = self.inputs(ids)
        if offsets:
            begins, stops, words = spans
            places = [with_ends(each, 0, [0] * len(each)).to_tensor() for each in (begins, stops)]
            found["offsets"] = tf.stack(places, -1)
            found["words"] = with_ends(words, -1, [-1] * len(words)).to_tensor(-1)
            found["truncated"] = tf.add_n(lengths) > tf.add_n(kept)
        return found

    def inputs(self, ids: Sequence[tf.RaggedTensor]) -> dict[str, tf.Tensor]:
        """`input_ids`, `token_type_ids` and `attention_mask` of rows, from the ids of their one or two texts."""
        cls, sep, pad = (self._special[name] for name in ("[CLS]", "[SEP]", "[PAD]"))
        row = with_ends(ids, cls, [sep] * len(ids))
        types = with_ends([tf.ones_like(x) * i for i, x in enumerate(ids)], 0, range(len(ids)))
        return {
            "input_ids": row.to_tensor(pad),
            "token_type_ids": types.to_tensor(),
            "attention_mask": tf.ones_like(row).to_tensor(),
        }

    @property
    def pad_id(self) -> int:
        """The id that fills rows behind their tokens."""
        return self._special["[PAD]"]

    def pieces(self, texts) -> tf.RaggedTensor:
        """The ids of each text, not cut and without special tokens around them: int32 `(batch, None)`."""
        return self._read(texts, offsets=False)[0]

    def _read(self, texts, *, offsets: bool) -> list[tf.RaggedTensor]:
        """The ids of each text; with `offsets` also where each piece begins, where it ends, and the number of its word:
        int32 `(batch, None)` each.

        All texts are processed as one row of characters.
        """
        with tf.device("CPU:0"):  # strings are on the CPU; moving the integers to a GPU and back costs time
            characters = tf.strings.unicode_decode(tf.strings.join([texts, _ROW_END]), "UTF-8")
            begins, ends = characters.row_splits[:-1], characters.row_splits[1:] - 1
            characters = characters.flat_values
            places = tf.range(tf.size(characters, tf.int64))
            symbols = tf.tensor_scatter_nd_update(
                tf.gather(self._symbols, characters), ends[:, tf.newaxis], tf.fill(tf.shape(ends), SPACE)
            )
            row = _Row(ends, symbols, (places, places + 1) if offsets else ())
            row = row.replaced(*self._as_written(characters))
            if self._expansions.shape[0]:
                row = row.expanded(self._expansions)
            row = row.kept(row.symbols != DROPPED)
            if self._normalized:
                row = row.replaced(*self._normalized(tf.bitwise.bitwise_and(row.symbols, CODE_POINT)))
                row = row.kept(row.symbols != DROPPED)

            alone = tf.bitwise.bitwise_and(row.symbols, ALONE) != 0
            breaks = alone | (row.symbols == SPACE)
            starts = alone | tf.concat([[True], breaks[:-1]], 0)
            row = row.with_symbols(tf.where(starts, row.symbols + _START, row.symbols)).kept(row.symbols != SPACE)
            starts = tf.where(row.symbols >= _START)[:, 0]
            characters = tf.RaggedTensor.from_row_splits(
                tf.bitwise.bitwise_and(row.symbols, CODE_POINT),
                tf.concat([starts, tf.shape(row.symbols, tf.int64)], 0),
                validate=False,
            )
            pieces, *spans = self._split(characters, row.spans)
            words_before = tf.concat([[0], tf.searchsorted(starts, row.ends, out_type=tf.int64)], 0)
            splits = tf.gather(pieces.row_splits, words_before)
            columns = [tf.gather(self._ids, pieces.values)]
            for each, start in zip(spans, (begins, begins, words_before[:-1]), strict=False):  # counted in each text
                columns.append(tf.cast(each - tf.repeat(start, splits[1:] - splits[:-1]), tf.int32))
            return [tf.RaggedTensor.from_row_splits(each, splits, validate=False) for each in columns]

    def _split(self, words: tf.RaggedTensor, spans: tuple) -> tuple:
        """Splits words into pieces, and finds the span of each piece from the spans of the words' characters.

        Args:
            words: code points, `(words, None)`.
            spans: the first place and the place after the last of each character, or nothing.

        Returns:
            The pieces, `(words, None)`; with `spans` also the first place, the place after the last, and the number of
            the word of each piece.
        """
        texts = tf.strings.unicode_encode(words, "UTF-8")
        texts = tf.where(words.row_lengths() > MAX_CHARACTERS_PER_WORD, "[UNK]", texts)
        if not spans:
            return (self._wordpiece.tokenize(texts),)
        pieces, first, after = self._wordpiece.tokenize_with_offsets(texts)
        word = pieces.value_rowids()
        sizes = 1 + sum(tf.cast(words.values >= least, tf.int64) for least in (0x80, 0x800, 0x10000))
        bytes_before = tf.concat([[0], tf.cumsum(sizes)], 0)
        starts = tf.gather(tf.gather(bytes_before, words.row_splits), tf.stack([word, word + 1]))
        unknown = pieces.values == self._unknown  # it stands for its whole word
        first = tf.where(unknown, starts[0], starts[0] + tf.cast(first.values, tf.int64))
        after = tf.where(unknown, starts[1], starts[0] + tf.cast(after.values, tf.int64))
        first, last = (tf.searchsorted(bytes_before, x, out_type=tf.int64) for x in (first, after))
        return pieces, tf.gather(spans[0], first), tf.gather(spans[1], last - 1), word


class _Row:
    """The characters of all texts in one row.

    Args:
        ends: the position where each text ends, int64 (batch,).
        symbols: the symbols of `kerasbert.tokenizers.character_table`, int32.
        spans: for each symbol, where its characters begin and end in the row of the texts, int64; or nothing.
    """

    def __init__(self, ends, symbols, spans: tuple = ()):
        self.ends, self.symbols, self.spans = ends, symbols, tuple(spans)

    def with_symbols(self, symbols) -> "_Row":
        """The row with other symbols at the same places."""
        return _Row(self.ends, symbols, self.spans)

    def kept(self, mask) -> "_Row":
        """The symbols where the mask is true."""

        def some():
            places = tf.where(mask)[:, 0]
            columns = (tf.gather(each, places) for each in (self.symbols, *self.spans))
            return (tf.searchsorted(places, self.ends, out_type=tf.int64), *columns)

        ends, symbols, *spans = tf.cond(tf.reduce_all(mask), lambda: (self.ends, self.symbols, *self.spans), some)
        return _Row(ends, symbols, spans)

    def expanded(self, expansions) -> "_Row":
        """Gives every character as many places as the longest expansion has, and writes the expansions into them."""
        several, width = self.symbols >= SEVERAL, expansions.shape[1]

        def wider():
            expanded = tf.gather(expansions, tf.where(several, self.symbols - SEVERAL, 0))
            single = tf.pad(self.symbols[:, tf.newaxis], [[0, 0], [0, width - 1]], constant_values=DROPPED)
            symbols = tf.reshape(tf.where(several[:, tf.newaxis], expanded, single), [-1])
            return (self.ends * width, symbols, *(tf.repeat(each, width) for each in self.spans))

        ends, symbols, *spans = tf.cond(tf.reduce_any(several), wider, lambda: (self.ends, self.symbols, *self.spans))
        return _Row(ends, symbols, spans)

    def replaced(self, places, symbols, lengths) -> "_Row":
        """Writes a symbol for each of some matches: into its first place, which then spans the match. The other places
        are dropped.

        Args:
            places: first places of the matches. symbols: what replaces them. lengths: their numbers of places.
        """
        steps = tf.ragged.range(lengths)
        filled = tf.where(steps.values == 0, tf.repeat(symbols, lengths), DROPPED)
        inside = (tf.repeat(places, lengths) + steps.values)[:, tf.newaxis]
        row = self.with_symbols(tf.tensor_scatter_nd_update(self.symbols, inside, filled))
        if self.spans:
            begins, stops = self.spans
            last = tf.gather(stops, places + lengths - 1)
            row.spans = (begins, tf.tensor_scatter_nd_update(stops, places[:, tf.newaxis], last))
        return row


class _Finder(tf.Module):
    """Finds added tokens in a row of characters. Each has a symbol of its own, which is a word by itself."""

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

    def __call__(self, characters) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns the first places of the matches, int64, the tokens' symbols, int32, and their lengths, int64."""
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
        return places, symbols, lengths


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


def check_marks(tokenizer: WordPieceTokenizer, table: CharacterTable, normalized: Sequence[str] = ()) -> None:
    """Raises TokenizerError if the order of combining marks matters to the vocabulary: the graph does not sort them.

    They are sorted only where accents are stripped. Only marks in pieces count, because a word with a character that no
    piece has is [UNK] in any order.

    Args:
        table: the tokenizer's. normalized: added tokens that are matched in the normalised text, as they are there.
    """

    def marks(texts):
        return sorted_marks(each for each in set("".join(texts)) if table.of(each) == [ord(each)])

    if not strips_accents(tokenizer):
        return
    groups = marks(tokenizer.pieces)
    if len(groups) > 1 or marks(normalized):
        names = ", ".join(f"U+{ord(group[0]):04X}" for group in groups)
        raise TokenizerError(
            f"the vocabulary holds combining marks ({names}) whose order matters when accents are stripped, "
            "which the graph cannot follow; tokenise on the host"
        )
