"""Tokenizers that run on the host: WordPiece for BERT and DistilBERT, byte-pair encoding for RoBERTa.

`load(folder)` reads the tokenizer of a checkpoint. `kerasbert.tf.wordpiece` has the same WordPiece tokenizer as
operations of a TensorFlow graph.
"""

from pathlib import Path

from kerasbert.errors import TokenizerError
from kerasbert.reading import read_json
from kerasbert.tokenizers.bytepair import BytePairTokenizer
from kerasbert.tokenizers.host import HostTokenizer
from kerasbert.tokenizers.wordpiece import WordPieceTokenizer

__all__ = ["BytePairTokenizer", "HostTokenizer", "WordPieceTokenizer", "check_vocabulary", "from_options", "load"]

_CLASSES = {"WordPiece": WordPieceTokenizer, "BPE": BytePairTokenizer}
_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "merges.txt")
_TABLE_MULTIPLES = (8, 16, 32, 64, 128)


def load(folder: str | Path) -> HostTokenizer:
    """Reads the tokenizer of a checkpoint folder: tokenizer.json, vocab.txt, or vocab.json with merges.txt.

    Args:
        folder: the folder, or one of these files in it.

    Raises:
        TokenizerError: the folder has no tokenizer, a file cannot be read, files contradict each other, or the
            tokenizer is of another kind.
    """
    folder = Path(folder)
    if folder.is_file() and folder.name in _FILES:
        folder = folder.parent
    if (folder / "tokenizer.json").exists():
        model = read_json(folder / "tokenizer.json", TokenizerError).get("model")
        kind = model.get("type") or ("BPE" if "merges" in model else "WordPiece") if isinstance(model, dict) else model
        if kind is None:
            raise TokenizerError(
                f"{folder / 'tokenizer.json'}: has no model, so it is no whole tokenizer; fetch it again"
            )
        if not isinstance(kind, str) or kind not in _CLASSES:
            raise TokenizerError(
                f"{folder / 'tokenizer.json'}: a tokenizer of the kind {kind!r}; "
                f"only {' and '.join(_CLASSES)} (BERT and RoBERTa) are supported"
            )
        return _CLASSES[kind].read(folder)
    if (folder / "vocab.txt").exists():
        return WordPieceTokenizer.read(folder)
    if (folder / "vocab.json").exists() and (folder / "merges.txt").exists():
        return BytePairTokenizer.read(folder)
    if not folder.is_dir():
        raise TokenizerError(
            f"{folder}: no tokenizer; name a vocab.txt, a tokenizer.json, or the folder that holds one"
        )
    raise TokenizerError(f"{folder} holds no tokenizer: no vocab.txt, no tokenizer.json, no vocab.json with merges.txt")


def from_options(options: dict, folder: str | Path) -> HostTokenizer:
    """Creates a tokenizer from the result of its `options()` and the vocabulary files in a folder.

    Raises:
        TokenizerError: the kind is unknown, or a file cannot be used.
    """
    for cls in _CLASSES.values():
        if cls.kind == options.get("kind"):
            return cls.from_options(options, Path(folder))
    raise TokenizerError(
        f"{folder}: tokenizer of the unknown kind {options.get('kind')!r}; expected wordpiece or bytepair"
    )


def check_vocabulary(tokenizer: HostTokenizer, vocab_size: int, place: str) -> None:
    """Checks that a tokenizer fits an embedding table.

    The table must have one row per token. A table padded for speed also fits: its number of rows is the number of
    tokens, rounded up to a multiple of 8, 16, 32, 64 or 128. Any other number means that the vocabulary belongs to
    another checkpoint.

    Args:
        tokenizer: the tokenizer.
        vocab_size: number of rows of the table.
        place: where the table comes from, for the error message.

    Raises:
        TokenizerError: the two do not fit.
    """
    tokens = tokenizer.vocab_size
    if vocab_size == tokens or any(vocab_size == -(-tokens // step) * step for step in _TABLE_MULTIPLES):
        return
    larger = "larger" if tokens > vocab_size else "smaller"
    raise TokenizerError(
        f"{place}: the vocabulary ({tokens} tokens) is {larger} than the embedding table ({vocab_size} rows); "
        "use the vocabulary that the checkpoint was trained with"
    )
