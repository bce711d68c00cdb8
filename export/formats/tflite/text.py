"""A `.tflite` file that takes a text itself, with tensorflow-text's tokenizer inside as two custom operations.

It runs where these operations are linked in: on servers and desktops with the package tensorflow-text, and in apps that
build LiteRT with them. There is no prebuilt package for phones.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import tensorflow as tf
import tensorflow_text as tf_text

from kerasbert.errors import ExportError
from kerasbert.export.formats.settings import Settings
from kerasbert.export.formats.tflite.file import Ends, write_tflite


class TextReader(tf.Module):
    """Makes BERT's inputs from a text with operations that TFLite has.

    `kerasbert.tf.wordpiece` reads every text as the host does, but does not convert. This one differs where
    tensorflow-text's normalizer does: it lower-cases by NFKC case folding, so a full-width comma becomes `,` and `ß`
    becomes `ss`. It reads `[MASK]` as three words and U+FFFD and NUL as characters, and words of more than 100 bytes
    are [UNK].

    Args:
        tokenizer: a `WordPieceTokenizer`. pad_id: fills `input_ids`.

    Raises:
        ExportError: another tokenizer, or options that tensorflow-text does not have.
    """

    def __init__(self, tokenizer, *, pad_id: int = 0):
        super().__init__()
        if tokenizer.kind != "wordpiece":
            raise ExportError(
                f"tensorflow-text has no {tokenizer.kind} tokenizer for TFLite, only BERT's: leave tflite-text out"
            )
        lower = tokenizer.do_lower_case
        if tokenizer.strip_accents not in (None, lower) or not tokenizer.tokenize_chinese_chars:
            raise ExportError(
                "tensorflow-text strips accents where it lower-cases and nowhere else, and takes each Chinese "
                "character for a word; this tokenizer does not: leave tflite-text out"
            )
        if tokenizer.added_tokens:
            raise ExportError(
                f"tensorflow-text cannot follow the added token {tokenizer.added_tokens[0]['content']!r}: leave "
                "tflite-text out"
            )
        self._normalizer = tf_text.FastBertNormalizer(lower_case_nfd_strip_accents=lower)
        try:
            self._wordpiece = tf_text.FastWordpieceTokenizer(
                tokenizer.pieces, token_out_type=tf.int32, support_detokenization=False
            )
        except Exception as error:  # its exceptions are not documented
            raise ExportError(f"tensorflow-text cannot use this vocabulary: {error}") from error
        self._cls, self._sep = (tokenizer.pieces.index(piece) for piece in ("[CLS]", "[SEP]"))
        self._pad_id = pad_id

    def ids(self, text: tf.Tensor, length: int) -> tf.Tensor:
        """`[CLS] text [SEP]`, cut to a length: int32 (tokens,), from strings (1,)."""
        # Only the values of the ragged tensor: its row splits would not convert, and say nothing about a single text.
        pieces = self._wordpiece.tokenize(self._normalizer.normalize(text)).flat_values[: length - 2]
        return tf.concat([[self._cls], pieces, [self._sep]], 0)

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


def write_text_tflite(model, targets: Mapping[Path, str], settings: Settings) -> None:
    """Writes a model as `.tflite` files that take a string, `text` (1,), and give the task's outputs, float32 (1, ...).

    The file has one signature, in which a text is cut and padded to the longest length. It takes single texts only;
    pairs of texts need a file that takes ids.

    Args:
        model: a `TextModel` with float32 variables and a WordPiece tokenizer.
        targets: file -> "none" or "int8".
        settings: a text is cut to the longest length.

    Raises:
        ExportError: a tokenizer that tensorflow-text does not have, a task that answers for each token, or the
            converter failed.
    """
    if any(graph.by_token for graph in model.graphs()):
        raise ExportError(
            f"{model.task.name}: a tflite-text file returns no token ids, so its per-token outputs cannot be matched "
            "to tokens; leave tflite-text out"
        )
    reader = TextReader(model.tokenizer, pad_id=model.config.pad_token_id)
    write_tflite(model, targets, replace(settings, lengths=[settings.longest]), ends=Ends(reader=reader))


def read_differently(tokenizer, texts: Iterable[str], *, max_length: int) -> list[str]:
    """The texts whose ids in such a file differ from the tokenizer's. Tokens that are cut off do not count."""
    reader = TextReader(tokenizer)

    def differs(text: str) -> bool:
        ids = reader.ids(tf.constant([text]), max_length).numpy()
        return ids.tolist() != tokenizer([text], max_length=max_length)["input_ids"][0].tolist()

    return [text for text in texts if differs(text)]
