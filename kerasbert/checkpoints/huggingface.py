"""Hugging Face folders: config.json, weights, tokenizer files. Strict both ways."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from kerasbert.checkpoints import h5_files, hub, names, pytorch_files, safetensors_files, weight_files
from kerasbert.checkpoints.card import Card, write_card
from kerasbert.checkpoints.loading import ENCODER, Checkpoint
from kerasbert.checkpoints.stored import Stored, Written, put
from kerasbert.config import MLM_FIELDS, OWN_TYPE, BertConfig, EncoderDecoderConfig, read_config_json
from kerasbert.errors import CheckpointError, ConfigError
from kerasbert.files import new_folder, write_tensors, write_text

LORA = ("lora_kernel_a", "lora_kernel_b")
"""The variables that Keras's `enable_lora` adds to a layer."""
ADAPTER = "adapter_config.json"
"""What a folder of peft has."""


@dataclass(frozen=True)
class Weights:
    """A kind of file that a Hugging Face folder keeps its weights in.

    Attributes:
        name: of the one file.
        find: folder -> its files of this kind; none if it has none.
        read: file -> its tensors.
        rename: name in the file -> Hugging Face's name.
    """

    name: str
    find: Callable[[Path], list[Path]]
    read: Callable[[Path], Iterable[Stored]]
    rename: Callable[[str], str] = str


WEIGHTS = (
    Weights("model.safetensors", safetensors_files.find, safetensors_files.read),
    Weights(pytorch_files.NAME, partial(weight_files.find, name=pytorch_files.NAME), pytorch_files.read),
    Weights(h5_files.NAME, partial(weight_files.find, name=h5_files.NAME), h5_files.read, h5_files.rename),
)
"""The kinds of weights, the one to read first."""


def read(folder: Path) -> Checkpoint:
    """Reads config.json and the headers of the weights.

    Raises:
        CheckpointError: no weights, a truncated or foreign file.
        ConfigError: a config.json that cannot be read or is of another family.
    """
    _check_format(folder)
    settings = read_config_json(folder)
    try:
        known = names.names_in(settings)
    except ConfigError as error:
        raise ConfigError(f"{folder / 'config.json'}: {error}") from None
    files, weights = _weight_files(folder)
    tensors, skipped = {}, {}
    for file in files:
        for stored in weights.read(file):
            if not stored.name.isprintable():
                raise CheckpointError(f"{file}: a tensor has the name {stored.name!r:.80}; fetch or save it again")
            name = names.modern_name(weights.rename(stored.name), settings)
            if name in names.BUFFERS:
                skipped[stored.name] = "a constant"
                continue
            put(tensors, name, stored, file)
    names.give_back_tied(tensors, known.tied)
    return Checkpoint(folder, settings, tensors, known, skipped)


def save(
    model,
    folder: str | Path,
    *,
    card: Card,
    task: str = ENCODER,
    max_length: int | None = None,
    config: BertConfig | EncoderDecoderConfig | None = None,
    **beside,
) -> None:
    """Writes a folder that transformers opens: config.json, model.safetensors, the tokenizer's files, the card.

    The kernels of layers with LoRA are written merged, as in Keras's `model.save`.

    Args:
        model: has `config`, `tokenizer` and Keras `weights`.
        folder: made if it is not there; files of the same names are replaced, others stay, and so does a README.md
            that is the user's own.
        card: the model card.
        task: a key of `names.ARCHITECTURES`.
        max_length: the number of tokens that other libraries cut a text to; None: the encoder's limit.
        config: what config.json holds; None: `model.config`.
        beside: as for `write_beside`.
    """
    config = config or model.config
    with new_folder(folder, update=True) as building:
        tensors = _tensors_of(model, config, prefix=task != ENCODER)
        write_tensors(building / "model.safetensors", tensors, what=f"{folder}: the weights")
        write_beside(model, building, task=task, config=config, **beside)
        write_card(card, building, folder)
        if model.tokenizer is not None:
            model.tokenizer.save(building, max_length=max_length or model.config.max_length)


def _tensors_of(model, config, *, prefix: bool) -> Iterator[tuple[str, np.ndarray]]:
    """The weights of a Keras model under Hugging Face's names."""
    merged, shared = merged_kernels(model), {}
    if isinstance(config, EncoderDecoderConfig):
        known = names.names_of_pair(config)
        place = known.place
        # transformers keeps two word tables, also where one serves encoder and decoder.
        shared = {original: copy for copy, original in known.tied.items() if original.startswith("encoder.")}
    else:
        place = partial(names.tensor_name, config.model_type, prefix=prefix)
    for variable in model.weights:
        if variable.path.rpartition("/")[2] in LORA:
            continue
        name, transposed = place(variable.path)
        variable = merged.get(variable.path, variable)
        value = np.asarray(variable.numpy() if hasattr(variable, "numpy") else variable, dtype="float32")
        yield name, value.T if transposed else value
        if name in shared:
            yield shared[name], value


def write(checkpoint: Checkpoint, folder: Path, *, approximate: bool = False) -> dict[str, Written]:
    """Writes a checkpoint of any format as a folder that transformers opens. Weights are float32.

    Args:
        folder: exists and is empty.
        approximate: whether a head of masked words that transformers computes slightly otherwise may be written.

    Returns:
        Name in a `Checkpoint` -> the tensor that was written.

    Raises:
        CheckpointError: the file could not be written, or transformers computes otherwise.
    """
    if not approximate:
        checkpoint.check_usual_mlm("transformers")
    family, prefix = checkpoint.config.model_type, bool(set(checkpoint.heads) - {"pooler"})
    written = {name: names.file_name(family, name, prefix=prefix) for name in checkpoint.tensors}
    tensors = ((written[name], checkpoint.read(name)) for name in written)
    write_tensors(folder / "model.safetensors", tensors, what=f"{folder}: the weights")
    classes = checkpoint.names.architectures
    config = {
        "architectures": [classes.get(checkpoint.task, classes[ENCODER])],
        "model_type": family,
        **checkpoint.settings,
        "dtype": "float32",
    }
    for name in ("torch_dtype", *MLM_FIELDS):
        config.pop(name, None)
    write_text(folder / "config.json", json.dumps(config, indent=2, ensure_ascii=False) + "\n")
    _write_beside_weights(checkpoint, folder)
    return {name: Written(stored) for name, stored in written.items()}


def _write_beside_weights(checkpoint: Checkpoint, folder: Path) -> None:
    """Writes the tokenizer. Of a Hugging Face folder the files of the tokenizer and of modules stay as they are."""
    if checkpoint.format != "hf":
        if (tokenizer := checkpoint.tokenizer()) is not None:
            tokenizer.save(folder, max_length=checkpoint.config.max_length)
        return
    for pattern in hub.BESIDE:
        for path in checkpoint.folder.glob(pattern):
            target = folder / path.relative_to(checkpoint.folder)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, target)


def write_beside(
    model,
    folder: Path,
    *,
    task: str,
    settings: Mapping[str, object] | None = None,
    files: Mapping[str, object] | None = None,
    foreign: bool = False,
    config: BertConfig | EncoderDecoderConfig | None = None,
) -> None:
    """Writes what the hub's clients read beside weights and tokenizer: config.json, and further JSON files.

    Args:
        model: has `config`.
        folder: exists.
        task: a key of `names.ARCHITECTURES`.
        settings: further keys for config.json.
        files: path -> what a further JSON file holds.
        foreign: whether transformers has no such architecture. The folder then says `kerasbert.config.OWN_TYPE`, which
            transformers refuses; without it, transformers would put random weights where it finds none.
        config: what config.json holds; None: `model.config`.
    """
    config = config or model.config
    content = {
        "architectures": [names.ARCHITECTURES[config.model_type][task]],
        **config.to_dict(),
        **(settings or {}),
        "dtype": "float32",
    }
    if foreign or model.config.norm_first:
        del content["architectures"]
        own = {"model_type": config.model_type, **content.get("kerasbert", {})}
        content |= {"model_type": OWN_TYPE, "kerasbert": own}
    for path, held in {"config.json": content, **(files or {})}.items():
        (folder / path).parent.mkdir(exist_ok=True)
        write_text(folder / path, json.dumps(held, indent=2, ensure_ascii=False) + "\n")


def merged_kernels(model) -> dict:
    """Path of a kernel -> the kernel with what LoRA added, for the layers with Keras's `enable_lora`."""
    layers = model._flatten_layers()
    return {f"{layer.path}/kernel": layer.kernel for layer in layers if getattr(layer, "lora_enabled", False)}


def _check_format(folder: Path) -> None:
    if (folder / ADAPTER).exists() and not (folder / "config.json").exists():
        raise CheckpointError(
            f"{folder}: holds an adapter of peft ({ADAPTER}) without the model under it, which kerasbert does not "
            "read; convert it to config.json and model.safetensors first (kerasbert/checkpoints/README.md, Other "
            "formats)"
        )


def _weight_files(folder: Path) -> tuple[list[Path], Weights]:
    """The files of the first kind of weights that the folder has."""
    for weights in WEIGHTS:
        if files := weights.find(folder):
            return files, weights
    if (folder / "kerasbert.json").is_file():
        raise CheckpointError(f"{folder}: is a bundle; name the model folder that it was made from")
    kinds = ", ".join(weights.name for weights in WEIGHTS)
    flax = (
        "it has flax_model.msgpack, which kerasbert does not read; " if (folder / "flax_model.msgpack").exists() else ""
    )
    raise CheckpointError(f"{folder}: no weights ({kinds}); {flax}save the model as safetensors first")
