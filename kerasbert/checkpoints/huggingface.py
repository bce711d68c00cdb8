"""Hugging Face folders: config.json, model.safetensors, tokenizer files. Strict both ways."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import ml_dtypes
import numpy as np
from safetensors import SafetensorError, safe_open

from kerasbert.checkpoints import hub, names
from kerasbert.checkpoints.loading import ENCODER, Checkpoint
from kerasbert.config import OWN_TYPE, family_name, read_config_json
from kerasbert.errors import CheckpointError, ConfigError
from kerasbert.files import new_folder, write_tensors, write_text
from kerasbert.reading import read_json

EIGHT_BITS = {"F8_E4M3": ml_dtypes.float8_e4m3fn, "F8_E5M2": ml_dtypes.float8_e5m2}
"""Types that NumPy does not have, and so safetensors does not give."""
LORA = ("lora_kernel_a", "lora_kernel_b")
"""The variables that Keras's `enable_lora` adds to a layer."""
FOREIGN = {
    "bert_config.json": "a TensorFlow checkpoint of google-research/bert (bert_config.json, bert_model.ckpt)",
    "adapter_config.json": "an adapter of peft (adapter_config.json) without the model under it",
}
"""File -> what a folder with it, and without config.json, holds."""
FLOATS = ("F64", "F32", "F16", "BF16", *EIGHT_BITS)


def open_checkpoint(path: str | Path | None) -> Checkpoint:
    """Opens a Hugging Face folder, a hub id or (None) the package's own encoder, and reads the headers of its weights.

    Raises:
        CheckpointError: no such folder or id, no safetensors, a truncated or foreign file.
        ConfigError: a config.json that cannot be read or is of another family.
    """
    folder = hub.folder_of(path)
    _check_format(folder)
    settings = read_config_json(folder)
    try:
        family = family_name(settings)
    except ConfigError as error:
        raise ConfigError(f"{folder / 'config.json'}: {error}") from None
    shapes, places = {}, {}
    for file in _weight_files(folder):
        for stored, shape, dtype in _header(file):
            name = _modern_name(stored, family)
            if name in names.BUFFERS:
                continue
            if name in places:
                raise CheckpointError(f"{file}: {stored} and {places[name][1]} are one weight under two names")
            if dtype not in FLOATS:
                raise CheckpointError(
                    f"{file}: {stored} is of type {dtype}; kerasbert reads {', '.join(FLOATS)}: "
                    "save the model without quantisation"
                )
            shapes[name], places[name] = shape, (file, stored)
    # A writer that stores tied tensors once may have kept the copy's name.
    for copy, original in names.TIED[family].items():
        if copy in shapes and original not in shapes:
            shapes[original], places[original] = shapes.pop(copy), places.pop(copy)
    return Checkpoint(folder, settings, shapes, lambda name: _float32(*places[name]), names.names_of(family))


def save(model, folder: str | Path, *, task: str = ENCODER, max_length: int | None = None, **beside) -> None:
    """Writes a folder that transformers opens: config.json, model.safetensors, the tokenizer's files.

    The kernels of layers with LoRA are written merged, as in Keras's `model.save`.

    Args:
        model: has `config`, `tokenizer` and Keras `weights`.
        folder: made if it is not there; files of the same names are replaced, others stay.
        task: a key of `names.ARCHITECTURES`.
        max_length: the number of tokens that other libraries cut a text to; None: the encoder's limit.
        beside: as for `write_beside`.
    """
    family = model.config.model_type
    tensors, merged = {}, _merged_kernels(model)
    for variable in model.weights:
        if variable.path.rpartition("/")[2] in LORA:
            continue
        name, transposed = names.tensor_name(family, variable.path, prefix=task != ENCODER)
        variable = merged.get(variable.path, variable)
        value = np.asarray(variable.numpy() if hasattr(variable, "numpy") else variable, dtype="float32")
        tensors[name] = np.ascontiguousarray(value.T if transposed else value)
    with new_folder(folder, update=True) as building:
        write_tensors(building / "model.safetensors", tensors, what=f"{folder}: the weights")
        write_beside(model, building, task=task, **beside)
        if model.tokenizer is not None:
            model.tokenizer.save(building, max_length=max_length or model.config.max_length)


def write_beside(
    model,
    folder: Path,
    *,
    task: str,
    settings: Mapping[str, object] | None = None,
    files: Mapping[str, object] | None = None,
    foreign: bool = False,
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
    """
    config = {
        "architectures": [names.ARCHITECTURES[model.config.model_type][task]],
        **model.config.to_dict(),
        **(settings or {}),
        "dtype": "float32",
    }
    if foreign:
        del config["architectures"]
        own = {"model_type": model.config.model_type, **config.get("kerasbert", {})}
        config |= {"model_type": OWN_TYPE, "kerasbert": own}
    for path, content in {"config.json": config, **(files or {})}.items():
        (folder / path).parent.mkdir(exist_ok=True)
        write_text(folder / path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _merged_kernels(model) -> dict:
    """Path of a kernel -> the kernel with what LoRA added, for the layers with Keras's `enable_lora`."""
    layers = model._flatten_layers()
    return {f"{layer.path}/kernel": layer.kernel for layer in layers if getattr(layer, "lora_enabled", False)}


def _check_format(folder: Path) -> None:
    if (folder / "config.json").exists():
        return
    for name, what in FOREIGN.items():
        if (folder / name).exists():
            raise CheckpointError(
                f"{folder}: holds {what}, which kerasbert does not read; convert it to config.json and "
                "model.safetensors first (kerasbert/checkpoints/README.md, Other formats)"
            )


def _weight_files(folder: Path) -> list[Path]:
    """The folder's safetensors: one file, the shards that an index names, or all numbered shards without an index."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if index.is_file():
        try:
            shards = set(read_json(index, CheckpointError)["weight_map"].values())
            # Only names inside the folder: an index is somebody's text, and must not read files elsewhere.
            return sorted(folder / Path(shard).name for shard in shards)
        except (KeyError, AttributeError, TypeError) as error:
            raise CheckpointError(f"{index}: not an index of shards ({error!r})") from None
    shards = sorted(folder.glob("model-*-of-*.safetensors"))
    if shards:
        return _numbered(shards)
    if (folder / "kerasbert.json").is_file():
        raise CheckpointError(f"{folder}: is a bundle; name the model folder that it was made from")
    others = [name for name in ("pytorch_model.bin", "tf_model.h5") if (folder / name).is_file()]
    found = f"it has {' and '.join(others)}, which kerasbert does not read; " if others else ""
    raise CheckpointError(f"{folder}: no model.safetensors; {found}save the model as safetensors first")


def _numbered(shards: list[Path]) -> list[Path]:
    """The shards of a folder without an index, if none is missing: model-00001-of-00002.safetensors and so on."""
    total = int(shards[0].stem.rpartition("-of-")[2]) if shards[0].stem.rpartition("-of-")[2].isdecimal() else 0
    wanted = [f"model-{number:05d}-of-{total:05d}.safetensors" for number in range(1, total + 1)]
    if [shard.name for shard in shards] != wanted:
        missing = sorted({*wanted} - {shard.name for shard in shards})
        raise CheckpointError(
            f"{shards[0].parent}: no index, and the shards are not those of one model"
            f"{f' ({missing[0]} is missing)' if missing else ''}; fetch the folder again"
        )
    return shards


def _header(file: Path) -> Iterator[tuple[str, tuple[int, ...], str]]:
    """Name, shape and type of each tensor in a safetensors file."""
    if file.exists() and not file.is_file():
        raise CheckpointError(f"{file}: is not a regular file; name a folder that holds the weights themselves")
    try:
        with safe_open(file, framework="numpy") as tensors:
            for stored in tensors.keys():  # noqa: SIM118 - not a dict
                tensor = tensors.get_slice(stored)
                yield stored, tuple(tensor.get_shape()), tensor.get_dtype()
    except FileNotFoundError:
        raise CheckpointError(f"{file}: no such file, but the folder's index names it; fetch it too") from None
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{file}: not a whole safetensors file ({error}); fetch or save it again") from None


def _modern_name(stored: str, family: str) -> str:
    """Without the family's prefix, and with the LayerNorm leaves of today."""
    name = stored.removeprefix(f"{family}.")
    for old, new in names.OLD_LEAVES.items():
        name = name.removesuffix(old) + new if name.endswith(old) else name
    return name


def _float32(file: Path, name: str) -> np.ndarray:
    with safe_open(file, framework="numpy") as tensors:
        dtype = EIGHT_BITS.get(tensors.get_slice(name).get_dtype())
        if dtype is None:
            return np.asarray(tensors.get_tensor(name)).astype("float32")
    with file.open("rb") as stored:  # the length of the header, the header, the tensors
        length = int.from_bytes(stored.read(8), "little")
        header = json.loads(stored.read(length))[name]
        begin, end = header["data_offsets"]
        stored.seek(8 + length + begin)
        return np.frombuffer(stored.read(end - begin), dtype).reshape(header["shape"]).astype("float32")
