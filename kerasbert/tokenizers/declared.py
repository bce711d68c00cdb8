"""What the JSON files beside a vocabulary say: the tokenizer's class, its settings and its added tokens."""

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path

from tokenizers import AddedToken, Tokenizer

from kerasbert.errors import TokenizerError
from kerasbert.reading import read_json

FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
"""The flags of an added token, by their names in tokenizer.json."""
CLASSES = {
    "wordpiece": ("Bert", "DistilBert", "Electra", "MobileBert", "RetriBert"),
    "bytepair": ("Roberta",),
}
"""Kind of tokenizer -> the classes of transformers that split a text in this way, without "Tokenizer"."""
ANY = ("PreTrainedTokenizer", "TokenizersBackend")
"""Classes that do what tokenizer.json says."""
SPECIAL_MAP = "special_tokens_map.json"
_FIXED = {"split_special_tokens": False, "truncation_side": "right"}
_LISTS = ("additional_special_tokens", "extra_special_tokens")


def tokenizer_config(folder: Path, kind: str, roles: Mapping[str, str]) -> dict:
    """The content of tokenizer_config.json; empty if there is none.

    Args:
        folder: the folder of the tokenizer.
        kind: "wordpiece" or "bytepair", according to the vocabulary.
        roles: role, such as "cls" -> the special token that has it in tokenizers of this kind.

    Raises:
        TokenizerError: a file names a class, a special token or a setting that gives other ids.
    """
    config, special, model = (
        _optional(folder / name) for name in ("tokenizer_config.json", SPECIAL_MAP, "config.json")
    )
    for name, content in (("tokenizer_config.json", config), ("config.json", model)):
        _check_class(folder, name, content.get("tokenizer_class"), kind)
    supported = {**_FIXED, **{f"{role}_token": token for role, token in roles.items()}}
    for name, content in (("tokenizer_config.json", config), (SPECIAL_MAP, special)):
        for key, wanted in supported.items():
            value = content.get(key)
            value = value.get("content") if isinstance(value, dict) else value
            if value not in (None, wanted):
                raise TokenizerError(f"{folder / name}: {key} is {value!r}; kerasbert supports {wanted!r} only")
    return config


def _check_class(folder: Path, name: str, stated: object, kind: str) -> None:
    if stated is None:
        return
    short = str(stated).removesuffix("Fast").removesuffix("Tokenizer")
    if short in CLASSES[kind] or (str(stated).removesuffix("Fast") in ANY and (folder / "tokenizer.json").exists()):
        return
    known = ", ".join(f"{each}Tokenizer" for each in CLASSES[kind])
    raise TokenizerError(
        f"{folder / name}: tokenizer_class {stated!r} is not supported, because it splits a text in another way; "
        f"for this vocabulary kerasbert has {known}"
    )


def declared_tokens(folder: Path, config: Mapping, roles: Mapping[str, str], stored: Iterable[dict] = ()) -> list[dict]:
    """The added tokens of a folder: `content`, `FLAGS`, and `id` where it is told. A token may stand there twice.

    They are in `added_tokens_decoder` and in the lists of special tokens in tokenizer_config.json, in tokenizer.json,
    and in added_tokens.json and special_tokens_map.json, which older releases of transformers wrote.

    Args:
        folder, roles: as in `tokenizer_config`.
        config: the content of tokenizer_config.json.
        stored: the added tokens of tokenizer.json.

    Raises:
        TokenizerError: a file cannot be read, or holds something else.
    """
    decoder = config.get("added_tokens_decoder") or {}
    special = [
        *_special(folder / "tokenizer_config.json", config, roles),
        *_special(folder / SPECIAL_MAP, _optional(folder / SPECIAL_MAP), roles),
    ]
    names = {token["content"] for token in special}
    path = folder / "added_tokens.json"
    numbered = [
        _token(path, {"content": name, "normalized": name not in names, "special": name in names}, index)
        for name, index in _optional(path).items()
    ]
    path = folder / "tokenizer_config.json"
    if not isinstance(decoder, dict):
        raise TokenizerError(f"{path}: added_tokens_decoder is {decoder!r:.200}, not an object")
    return [*(_token(path, token, index) for index, token in decoder.items()), *stored, *numbered, *special]


def _special(path: Path, content: Mapping, roles: Mapping[str, str]) -> list[dict]:
    """The special tokens in a file: those of a list, and those with a role, such as `eos_token`.

    The name alone of a token in `roles` tells nothing, because every tokenizer of the kind has it.
    """
    found = [token for name in _LISTS for token in _values(path, name, content.get(name) or [])]
    found += [value for name, value in content.items() if name.endswith("_token") and isinstance(value, str | dict)]
    found = [token for token in found if not (isinstance(token, str) and token in roles.values())]
    return [_token(path, {**({"content": x} if isinstance(x, str) else x), "special": True}) for x in found]


def _values(path: Path, name: str, value: object) -> list:
    values = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(values, list) or not all(isinstance(each, str | dict) for each in values):
        raise TokenizerError(f"{path}: {name} is {value!r:.200}, not a list of tokens")
    return values


def _token(path: Path, token: object, index: object = None) -> dict:
    """An added token with all flags. A flag that is missing has the value that the library gives it."""
    if not isinstance(token, dict) or not isinstance(token.get("content"), str) or not token["content"]:
        raise TokenizerError(f"{path}: {token!r:.200} does not describe an added token")
    flags = {flag: token.get(flag, False) for flag in FLAGS}
    flags["normalized"] = token.get("normalized", not flags["special"])
    if not all(isinstance(value, bool) for value in flags.values()):
        raise TokenizerError(f"{path}: {token!r:.200} does not describe an added token")
    if index is None:
        return {"content": token["content"], **flags}
    if isinstance(index, bool) or not (isinstance(index, int) or str(index).isdecimal()):
        raise TokenizerError(f"{path}: the added token {token['content']!r} has the id {index!r}, not a number")
    return {"id": int(index), "content": token["content"], **flags}


def placed(tokens: Iterable[dict], ids: Mapping[str, int], path: Path) -> list[dict]:
    """Puts added tokens from all files into the order of their ids, each token once, without its id.

    Args:
        tokens: the tokens. Where a token is declared twice, the flags of the first declaration count.
        ids: token of the vocabulary -> its id. Further tokens get the ids that follow.
        path: names the file in errors.

    Raises:
        TokenizerError: two files give a token different ids, or the vocabulary leaves no place for its id.
    """
    found: dict[str, dict] = {}
    for token in tokens:
        known = found.setdefault(token["content"], dict(token))
        if known.setdefault("id", token.get("id")) != token.get("id", known["id"]):
            raise TokenizerError(
                f"{path}: the added token {token['content']!r} has the ids {known['id']} and {token['id']}"
            )
    for content, token in found.items():
        if content in ids and token["id"] not in (None, ids[content]):
            raise TokenizerError(
                f"{path}: the added token {content!r} has id {token['id']}, but id {ids[content]} in the vocabulary"
            )
    new = [token for content, token in found.items() if content not in ids]
    new.sort(key=lambda token: len(ids) + len(new) if token["id"] is None else token["id"])
    for index, token in enumerate(new, len(ids)):
        if token["id"] not in (None, index):
            raise TokenizerError(
                f"{path}: the added token {token['content']!r} has id {token['id']}, the next free is {index}"
            )
    old = sorted((token for content, token in found.items() if content in ids), key=lambda x: ids[x["content"]])
    return [{key: value for key, value in token.items() if key != "id"} for token in (*old, *new)]


def add_tokens(backend: Tokenizer, tokens: Iterable[dict]) -> None:
    """Adds tokens to a tokenizer of the library.

    Ids follow the order of the calls. One call per run, because each call takes time for all tokens added so far.
    """
    added = [AddedToken(token["content"], **{flag: token[flag] for flag in FLAGS if flag in token}) for token in tokens]
    for special, run in itertools.groupby(added, key=lambda token: token.special):
        (backend.add_special_tokens if special else backend.add_tokens)(list(run))


def _optional(path: Path) -> dict:
    return read_json(path, TokenizerError) if path.exists() else {}
