"""Finds the folder of a model: a local path, a download from the hub, or the encoder in the package."""

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from kerasbert.errors import CheckpointError
from kerasbert.presets import default_checkpoint

TOKENIZER = (
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "tokenizer*.json",
    "added_tokens.json",
    "special_tokens_map.json",
)
BESIDE = (
    *TOKENIZER,
    "generation_config.json",
    "modules.json",
    "*/config.json",
    "*sentence_bert_config.json",
    "config_sentence_transformers.json",
)
"""What a model folder has beside config.json and weights that decides an answer."""
PRESET = ("*.weights.h5", "model.weights.json", "task.json", "preprocessor.json", "metadata.json", "assets/tokenizer/*")
"""The files of a preset of KerasHub."""
LICENCES = ("LICENSE*", "LICENCE*", "NOTICE*")
"""Files that go wherever the weights go."""
FILES = ("config.json", "README.md", "*.safetensors", "*.safetensors.index.json", *LICENCES, *BESIDE, *PRESET)
OTHER_WEIGHTS = (
    ("pytorch_model*.bin", "pytorch_model.bin.index.json"),
    ("tf_model*.h5", "tf_model.h5.index.json"),
    ("*.ckpt*", "bert_config.json", "checkpoint"),
)
"""Kinds of weights that a folder of the hub is asked for, one after the other, until it has one of them."""


def folder_of(path: str | Path | None) -> Path:
    """`path` if it is a folder, else the folder that the hub id `path` was downloaded to (or found in the cache); for
    None that of the encoder that comes with the package.

    Raises:
        CheckpointError: neither a folder here nor an id that the hub gives.
    """
    if path is None:
        return default_checkpoint()
    path = str(path)
    if Path(path).is_dir():
        return Path(path)
    if Path(path).exists():
        raise CheckpointError(f"{path}: is a file; name the folder that holds config.json and model.safetensors")
    try:
        return _download(path)
    except HFValidationError:
        raise CheckpointError(f"{path}: no such folder, nor a hub id such as `owner/name`") from None
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(
            f"{path}: no such folder here, and the hub did not give it ({reason}); "
            "download it where there is a network and name its folder"
        ) from None


def _download(name: str) -> Path:
    """The folder of a hub id. Most have their weights in several formats; one is downloaded."""
    folder = Path(snapshot_download(name, allow_patterns=list(FILES)))
    weights = "*.safetensors"
    for patterns in OTHER_WEIGHTS:
        if any(folder.glob(weights)) or any(folder.glob(PRESET[0])):
            break
        folder, weights = Path(snapshot_download(name, allow_patterns=[*FILES, *patterns])), patterns[0]
    return folder
