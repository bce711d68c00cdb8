"""KerasHub's tokenizers: read from a preset or from memory, and written."""

from collections.abc import Mapping
from pathlib import Path

from kerasbert.checkpoints.keras_hub_names import BYTE_PAIRS, MERGES, VOCABULARY
from kerasbert.errors import TokenizerError
from kerasbert.reading import read_json, read_text
from kerasbert.tokenizers import BytePairTokenizer, HostTokenizer, WordPieceTokenizer
from kerasbert.tokenizers.wordpiece import read_vocab

CONFIGS = {"tokenizer.json": ("config",), "preprocessor.json": ("config", "tokenizer", "config")}
"""The files that may hold a tokenizer's configuration, and the keys on the way to it."""
FIXED = {"split": True, "suffix_indicator": "##", "oov_token": "[UNK]"}
"""The only values in a WordPiece tokenizer's configuration that kerasbert supports."""
WHOLE = ("<s>", "</s>", "<pad>", "<unk>", "<mask>")
"""The tokens that RoBERTa's tokenizer matches whole anyway."""


def read(folder: Path) -> HostTokenizer | None:
    """The tokenizer of a preset; None where it has none.

    Raises:
        TokenizerError: a file is missing or damaged, or the tokenizer splits texts in a way that kerasbert does not
            support.
    """
    config = next(filter(None, (_config(folder / name, keys) for name, keys in CONFIGS.items())), None)
    if config is None:
        return None
    try:
        if (folder / VOCABULARY).exists():
            return wordpiece(config, read_vocab(folder / VOCABULARY))
        if (folder / BYTE_PAIRS).exists():
            merges = read_text(folder / MERGES, TokenizerError).splitlines()
            return bytepair(config, read_json(folder / BYTE_PAIRS, TokenizerError), merges)
    except TokenizerError as error:
        named = str(error).startswith(str(folder))
        raise error if named else TokenizerError(f"{folder}: {error}") from None
    raise TokenizerError(
        f"{folder}: has the configuration of a tokenizer, but neither {VOCABULARY} nor {BYTE_PAIRS}; "
        "fetch the whole preset again"
    )


def of(tokenizer) -> HostTokenizer:
    """The tokenizer of KerasHub's tokenizer or preprocessor in memory.

    Raises:
        TokenizerError: it is another kind of tokenizer, or splits texts in a way that kerasbert does not support.
    """
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
    if isinstance(tokenizer, HostTokenizer):
        return tokenizer
    vocabulary = getattr(tokenizer, "vocabulary", None)
    if isinstance(vocabulary, Mapping):
        return bytepair(tokenizer.get_config(), vocabulary, tokenizer.merges)
    if isinstance(vocabulary, list):
        return wordpiece(tokenizer.get_config() | {"split_on_cjk": tokenizer.split_on_cjk}, vocabulary)
    raise TokenizerError(
        f"tokenizer is a {type(tokenizer).__name__}: give KerasHub's BertTokenizer, DistilBertTokenizer or "
        "RobertaTokenizer, a preprocessor that holds one, or a tokenizer of kerasbert"
    )


def wordpiece(config: Mapping, vocabulary: list[str]) -> WordPieceTokenizer:
    """Creates a WordPiece tokenizer from KerasHub's configuration and the pieces in the order of their ids."""
    for key, wanted in FIXED.items():
        if config.get(key, wanted) != wanted:
            raise TokenizerError(f"{key} is {config[key]!r} in the tokenizer; kerasbert supports {wanted!r} only")
    whole = _tokens(config, "special_tokens") if config.get("special_tokens_in_strings") else ()
    return WordPieceTokenizer(
        vocabulary,
        do_lower_case=config.get("lowercase", False),
        strip_accents=config.get("strip_accents", False),
        tokenize_chinese_chars=config.get("split_on_cjk", True),
        added_tokens=[_whole(token) for token in whole],
    )


def bytepair(config: Mapping, vocabulary: Mapping[str, int], merges: list[str]) -> BytePairTokenizer:
    """Creates a byte-pair tokenizer from KerasHub's configuration, token -> id, and the merges in their order."""
    tokenizer = BytePairTokenizer.from_vocabulary(
        vocabulary, merges, add_prefix_space=config.get("add_prefix_space", False)
    )
    whole = [token for token in _tokens(config, "unsplittable_tokens") if token not in WHOLE]
    return tokenizer.extended([_whole(token) for token in sorted(whole)]) if whole else tokenizer


def _whole(token: str) -> dict:
    """A token that is matched as it is written."""
    return {"content": token, "special": True, "normalized": False}


def described(tokenizer: HostTokenizer) -> tuple[dict, dict[str, object]]:
    """How KerasHub describes a tokenizer.

    Returns:
        What its configuration has beside KerasHub's defaults, and the content of its assets by their path: a list of
        lines, or an object.

    Raises:
        TokenizerError: KerasHub splits texts differently.
    """
    if tokenizer.id_of("mask") is None:
        mask = tokenizer.special["mask"]
        raise TokenizerError(f"the vocabulary has no {mask}, which KerasHub's tokenizer needs; use --to hf")
    if isinstance(tokenizer, WordPieceTokenizer):
        added = tokenizer.added_tokens
        flags = [name for name in ("single_word", "normalized") if any(token.get(name) for token in added)]
        if flags:
            raise TokenizerError(
                f"an added token is {flags[0]}, which KerasHub's tokenizer does not support; use --to hf"
            )
        lower = tokenizer.do_lower_case
        return {
            "vocabulary": None,
            "sequence_length": None,
            "lowercase": lower,
            "strip_accents": lower if tokenizer.strip_accents is None else tokenizer.strip_accents,
            **FIXED,
            "split_on_cjk": tokenizer.tokenize_chinese_chars,
            "special_tokens": [token["content"] for token in added] or None,
            "special_tokens_in_strings": True,
        }, {VOCABULARY: tokenizer.vocabulary}
    return {
        "sequence_length": None,
        "add_prefix_space": tokenizer.add_prefix_space,
        "unsplittable_tokens": sorted(tokenizer.matched_whole),
    }, {BYTE_PAIRS: {token: row for row, token in enumerate(tokenizer.vocabulary)}, MERGES: tokenizer.merges}


def _tokens(config: Mapping, key: str) -> list[str]:
    """A list of tokens in a tokenizer's configuration; empty if there is none."""
    tokens = config.get(key) or []
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise TokenizerError(f"{key} is {tokens!r:.200} in the tokenizer, not a list of tokens")
    return tokens


def _config(path: Path, keys: tuple[str, ...]) -> dict | None:
    """The configuration of the tokenizer in a file; None where it has none."""
    part = read_json(path, TokenizerError) if path.exists() else {}
    for key in keys:
        part = part.get(key)
        if not isinstance(part, dict):
            return None
    return part
