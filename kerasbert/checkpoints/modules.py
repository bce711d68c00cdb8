"""How a sentence-transformers folder makes a vector: modules.json, and the folder of each module. Read and written."""

from collections.abc import Mapping
from pathlib import Path

from kerasbert.errors import CheckpointError
from kerasbert.reading import parse, read_json, read_text

NAME = "modules.json"
SENTENCE_TRANSFORMERS = "config_sentence_transformers.json"
_DEFAULT = "default"
"""The name that is written for a prompt without one."""
POOLINGS = {"cls": "cls", "mean": "mean", "max": "max"}
"""Mode of the module Pooling -> our setting `pooling`."""
_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_UNLIMITED = 10**9
"""transformers writes a larger `model_max_length` where a tokenizer has no limit."""


def embedding_settings(folder: Path, *, limit: int, lower_cases: bool) -> dict:
    """The settings of a sentence encoder that a sentence-transformers folder was made with.

    The module Normalize changes nothing, because a `SentenceEncoder` always scales its vectors to length 1.

    Args:
        folder: holds modules.json.
        limit: the encoder's own limit of tokens.
        lower_cases: whether the tokenizer lower-cases letters.

    Returns:
        `pooling`, `prompt`, `prompts` and `max_length`, the number of tokens that texts are cut to.

    Raises:
        CheckpointError: a module, a pooling or a setting that kerasbert does not have; the message names it.
    """
    pooling, transformer = None, folder
    for kind, path in _modules(folder):
        if kind == "Transformer":
            transformer = path
        elif kind == "Pooling" and pooling is None:
            pooling, place = _pooling(path / "config.json"), path / "config.json"
        elif kind != "Normalize":
            raise CheckpointError(f"{folder / NAME}: the module {kind} is not supported; kerasbert has {_KNOWN}")
    if pooling is None:
        raise CheckpointError(f"{folder / NAME}: no module Pooling, which makes one vector of a text's tokens")
    prompt, prompts = _prompts(folder / SENTENCE_TRANSFORMERS)
    if any((prompt, *prompts.values())) and not read_json(place, CheckpointError).get("include_prompt", True):
        raise CheckpointError(
            f"{place}: include_prompt is false, which is not supported; kerasbert pools the prompt too"
        )
    length = _length(folder, transformer, limit, lower_cases)
    return {"pooling": pooling, "prompt": prompt, "prompts": prompts, "max_length": length}


def written(settings, *, width: int) -> dict[str, object]:
    """The files that tell sentence-transformers how a `SentenceEncoder` makes its vectors.

    Args:
        settings: those of the task `sentence-embedding`.
        width: size of the vectors.

    Returns:
        Path inside the folder -> what the JSON file holds.
    """
    kinds = (("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize"))
    named = {text: name for name, text in reversed(settings.prompts.items())}
    default = named.get(settings.prompt, _DEFAULT) if settings.prompt else None
    return {
        NAME: [
            {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for number, (kind, path) in enumerate(kinds)
        ],
        "1_Pooling/config.json": {
            "word_embedding_dimension": width,
            **{flag: POOLINGS.get(mode) == settings.pooling for flag, mode in _FLAGS.items()},
        },
        "sentence_bert_config.json": {"max_seq_length": settings.max_length, "do_lower_case": False},
        SENTENCE_TRANSFORMERS: {
            "prompts": {**settings.prompts, **({default: settings.prompt} if default else {})},
            "default_prompt_name": default,
            "similarity_fn_name": "cosine",
        },
    }


_KNOWN = "Transformer, Pooling and Normalize"


def files(folder: Path) -> list[Path]:
    """The files in the folders of the modules behind the encoder, such as the weights of a Dense."""
    if not (folder / NAME).is_file():
        return []
    places = dict.fromkeys(path for kind, path in _modules(folder) if kind != "Transformer" and path != folder)
    return sorted(path for place in places if place.is_dir() for path in place.iterdir() if path.is_file())


def _modules(folder: Path) -> list[tuple[str, Path]]:
    """The name and the folder of each module, in their order."""
    path = folder / NAME
    try:
        listed = parse(read_text(path, CheckpointError))
        places = [(each["type"].rpartition(".")[2], Path(each["path"]).name) for each in listed]
        # Only folders inside this one: the file is somebody's text, and must not read files elsewhere.
        if any(name == ".." for _, name in places):
            raise ValueError("a path leaves the folder")
        return [(kind, folder / name) for kind, name in places]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: not a list of modules ({error!r})") from None


def _pooling(path: Path) -> str:
    content = read_json(path, CheckpointError)
    modes = content.get("pooling_mode", [mode for flag, mode in _FLAGS.items() if content.get(flag)] or "mean")
    modes = [modes] if isinstance(modes, str) else modes
    if not isinstance(modes, list) or len(modes) != 1 or modes[0] not in POOLINGS:
        shown = " and ".join(map(str, modes)) if isinstance(modes, list) else repr(modes)
        raise CheckpointError(f"{path}: pooling {shown} is not supported; kerasbert has {', '.join(POOLINGS)}")
    return POOLINGS[modes[0]]


def _length(folder: Path, transformer: Path, limit: int, lower_cases: bool) -> int:
    """The number of tokens that sentence-transformers cuts a text to."""
    content = _optional(transformer / "sentence_bert_config.json") or _optional(folder / "sentence_bert_config.json")
    if content.get("do_lower_case") and not lower_cases:
        raise CheckpointError(
            f"{folder}: sentence_bert_config.json lower-cases texts before a tokenizer that keeps capitals; this is "
            'not supported: set "do_lower_case" to true in tokenizer_config.json instead'
        )
    given = content.get("max_seq_length") or _optional(folder / "tokenizer_config.json").get("model_max_length")
    if given is None or (isinstance(given, int | float) and given > _UNLIMITED):
        return limit
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise CheckpointError(f"{folder}: max_seq_length is {given!r}: use a number of tokens")
    return min(given, limit)


def _prompts(path: Path) -> tuple[str, dict[str, str]]:
    """The prompt that is put before every text, empty if there is none, and all prompts by name."""
    content = _optional(path)
    prompts, name = content.get("prompts") or {}, content.get("default_prompt_name")
    texts = prompts.values() if isinstance(prompts, Mapping) else [prompts]
    if not all(isinstance(text, str) for text in texts):
        raise CheckpointError(f"{path}: prompts is {prompts!r:.60}: use texts by name")
    if name is not None and name not in prompts:
        raise CheckpointError(f"{path}: default_prompt_name is {name!r}, but prompts has no text of this name")
    return ("" if name is None else prompts[name]), dict(prompts)


def _optional(path: Path) -> dict:
    return read_json(path, CheckpointError) if path.exists() else {}
