"""Hugging Face folders: config.json, weights, tokenizer files. Strict both ways."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from kerasbert.checkpoints import h5_files, hub, modules, names, pytorch_files, safetensors_files, weight_files
from kerasbert.checkpoints.card import Card, write_card
from kerasbert.checkpoints.loading import ENCODER, Checkpoint
from kerasbert.checkpoints.stored import Stored, Written, put
from kerasbert.checkpoints.tasks import stored_settings
from kerasbert.config import MLM_FIELDS, OWN_TYPE, BertConfig, EncoderDecoderConfig, read_config_json
from kerasbert.errors import CheckpointError, ConfigError
from kerasbert.files import new_folder, write_tensors, write_text
from kerasbert.tasks import NAMES, task_named
from kerasbert.tasks.labels import label_keys

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
        value = numbers(merged.get(variable.path, variable)).astype("float32", copy=False)
        yield name, value.T if transposed else value
        if name in shared:
            yield shared[name], value


def write(checkpoint: Checkpoint, folder: Path, *, approximate: bool = False, own: bool = False) -> dict[str, Written]:
    """Writes a checkpoint of any format as a folder that transformers opens. Weights are float32.

    Args:
        folder: exists and is empty.
        approximate: whether a head of masked words may be written that transformers computes slightly differently.
        own: whether such a head is written as it is, in a folder that kerasbert alone opens.

    Returns:
        Name in a `Checkpoint` -> the tensor that was written.

    Raises:
        CheckpointError: the file could not be written, or transformers computes the model differently.
    """
    if not (approximate or own):
        checkpoint.check_usual_mlm("transformers")
    written = _file_names(checkpoint)
    tensors = ((written[name], checkpoint.read(name)) for name in written)
    write_tensors(folder / "model.safetensors", tensors, what=f"{folder}: the weights")
    _write_json(folder, {"config.json": _config_of(checkpoint, own=own)})
    _write_beside_weights(checkpoint, folder)
    return {name: Written(stored) for name, stored in written.items()}


def _file_names(checkpoint: Checkpoint) -> dict[str, str]:
    """Name in a `Checkpoint` -> name in the file. Those of an encoder with a decoder already have their part's name."""
    if checkpoint.pair:
        return {name: name for name in checkpoint.tensors}
    family, prefix = checkpoint.config.model_type, bool(set(checkpoint.heads) - {"pooler"})
    return {name: names.file_name(family, name, prefix=prefix) for name in checkpoint.tensors}


def _config_of(checkpoint: Checkpoint, *, own: bool) -> dict:
    """The content of config.json for a checkpoint of any format. Args: own: as for `write`."""
    config, classes = {**checkpoint.settings}, checkpoint.names.architectures
    if checkpoint.pair:
        parts = {name: {**config[name], "dtype": "float32"} for name in ("encoder", "decoder")}
        return {"architectures": [*classes.values()], **config, **parts, "dtype": "float32"}
    family = checkpoint.config.model_type
    for name in ("torch_dtype", *(() if own else MLM_FIELDS)):
        config.pop(name, None)
    config |= {**_unnamed_labels(checkpoint), "dtype": "float32"}
    own_mlm = checkpoint.has("mlm") and checkpoint.config.has_own_mlm
    if own if own_mlm else config["model_type"] == OWN_TYPE:
        return _as_own({**config, "kerasbert": {"task": checkpoint.task, **(config.get("kerasbert") or {})}}, family)
    return {"architectures": [classes.get(checkpoint.task, classes[ENCODER])], **config, "model_type": family}


def _as_own(config: Mapping, family: str) -> dict:
    """A config.json that transformers refuses, see `kerasbert.config.OWN_TYPE`."""
    named = {key: value for key, value in config.items() if key != "architectures"}
    return {**named, "model_type": OWN_TYPE, "kerasbert": {"model_type": family, **config.get("kerasbert", {})}}


def _unnamed_labels(checkpoint: Checkpoint) -> dict:
    """The keys that name the labels of a classifier whose format has no names.

    Without them transformers makes a head of two outputs, whatever the file holds.
    """
    if not checkpoint.has("classifier") or checkpoint.task not in NAMES or checkpoint.settings.get("id2label"):
        return {}
    labels = stored_settings(checkpoint, task_named(checkpoint.task)).get("labels") or ()
    return {} if len(labels) in (0, 2) else label_keys(labels)


def _write_beside_weights(checkpoint: Checkpoint, folder: Path) -> None:
    """Writes the tokenizer and the modules. Those of a Hugging Face folder are copied as they are."""
    if checkpoint.format != "hf":
        if (tokenizer := checkpoint.tokenizer()) is not None:
            tokenizer.save(folder, max_length=checkpoint.config.max_length)
        if checkpoint.task == "sentence-embedding":
            task, usual = task_named(checkpoint.task), {"max_length": checkpoint.config.max_length}
            settings = task.Settings(**{**usual, **stored_settings(checkpoint, task)})
            _write_json(folder, modules.written(settings, width=checkpoint.config.hidden_size))
        return
    # Other folders in it, such as the checkpoints of a training run, are other models.
    patterns = [pattern for pattern in hub.BESIDE if "/" not in pattern]
    found = [path for pattern in patterns for path in checkpoint.folder.glob(pattern)]
    for path in dict.fromkeys([*found, *modules.files(checkpoint.folder)]):
        target = folder / path.relative_to(checkpoint.folder)
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, target)


def _write_json(folder: Path, files: Mapping[str, object]) -> None:
    """Writes JSON files. Args: files: path in the folder -> what the file holds."""
    for path, content in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        write_text(folder / path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


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
    content = _as_own(content, config.model_type) if foreign or model.config.is_foreign else content
    _write_json(folder, {"config.json": content, **(files or {})})


def merged_kernels(model) -> dict:
    """Path of a kernel -> the kernel with what LoRA added, for the layers with Keras's `enable_lora`."""
    layers = model._flatten_layers()
    return {f"{layer.path}/kernel": layer.kernel for layer in layers if getattr(layer, "lora_enabled", False)}


def numbers(variable) -> np.ndarray:
    """The numbers of a Keras variable, or of one of `merged_kernels`."""
    return np.asarray(variable.numpy() if hasattr(variable, "numpy") else variable)


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
