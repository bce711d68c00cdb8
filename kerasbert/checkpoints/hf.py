"""Hugging Face folders: config.json, model.safetensors, tokenizer files. Strict both ways."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import ml_dtypes
import numpy as np
from safetensors import SafetensorError, safe_open

from kerasbert import tokenizers
from kerasbert.checkpoints import hub, names
from kerasbert.config import BertConfig, read_config_json
from kerasbert.errors import CheckpointError, ConfigError
from kerasbert.files import new_folder, write_tensors

log = logging.getLogger("kerasbert")

TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json")
EIGHT_BITS = {"F8_E4M3": ml_dtypes.float8_e4m3fn, "F8_E5M2": ml_dtypes.float8_e5m2}
"""Types that NumPy does not have, and so safetensors does not give."""
FLOATS = ("F64", "F32", "F16", "BF16", *EIGHT_BITS)


@dataclass(frozen=True)
class Checkpoint:
    """A folder whose header has been read: shapes are known, weights are not loaded yet.

    Attributes:
        folder: where it is.
        config: of the encoder.
        settings: the whole of config.json (labels, problem type, our own section).
        shapes: tensor name (without family prefix, new leaf names) -> shape.
        files: tensor name -> (file, name in the file).
    """

    folder: Path
    config: BertConfig
    settings: dict
    shapes: dict
    files: dict

    def tokenizer(self):
        """The folder's tokenizer, checked against the word table; None where the folder has none."""
        tokenizer = read_tokenizer(self.folder)
        if tokenizer is not None:
            table, _ = names.tensor_name(self.config.model_type, "embeddings/word_embeddings", prefix=False)
            rows, *_ = self.shapes.get(table, (self.config.vocab_size,))
            tokenizers.check_vocabulary(tokenizer, rows, self.folder)
        return tokenizer

    def has(self, group: str) -> bool:
        """Whether the file holds any weight of a group such as `pooler` or `classifier`."""
        tables = names.ENCODER_NAMES[self.config.model_type], names.HEAD_NAMES[self.config.model_type]
        wanted = [hf for table in tables for ours, hf in table.items() if ours.split("/")[0] == group]
        return any(name == hf or name.startswith(f"{hf}.") for hf in wanted for name in self.shapes)

    def outputs(self, layer: str) -> int:
        """How many outputs a head's layer has, such as `classifier/dense`; 0 where the file does not have it."""
        name, _ = names.tensor_name(self.config.model_type, f"{layer}/kernel", prefix=False)
        return self.shapes.get(name, (0,))[0]

    def load_into(self, model, *, new: tuple[str, ...] = ()) -> None:
        """Copies every tensor into the variables of `model`.

        Args:
            model: a Keras model built from `config`, its weights named by layer path.
            new: groups to leave as they are even if the file has them (a classifier for other labels).

        Raises:
            CheckpointError: tensors that are missing, unexpected or of another shape, all listed, nothing copied.
        """
        family = self.config.model_type
        wanted = {}
        for variable in model.weights:
            name, transposed = names.tensor_name(family, variable.path, prefix=False)
            wanted[name] = (variable, transposed)
        groups = {name: variable.path.split("/")[0] for name, (variable, _) in wanted.items()}
        fresh = {group for group in set(groups.values()) if group in new or not self.has(group)}
        fresh -= {group for group in fresh if group == "embeddings" or group.startswith("block_")}

        read = {name: target for name, target in wanted.items() if groups[name] not in fresh}
        missing = [f"{name} {_shape(*read[name])}" for name in read if name not in self.shapes]
        wrong = [
            f"{name}: {tuple(self.shapes[name])} in the file, {_shape(*target)} in the model"
            for name, target in read.items()
            if name in self.shapes and tuple(self.shapes[name]) != _shape(*target)
        ]
        left = set(self.shapes) - set(read) - set(names.TIED[family])
        unexpected = sorted(
            f"{name} {tuple(self.shapes[name])}" for name in left if not name.startswith(names.OTHER_HEADS)
        )
        problems = {"missing": missing, "unexpected": unexpected, "of another shape": wrong}
        if any(problems.values()):
            listed = "; ".join(f"{kind}: {_listing(found)}" for kind, found in problems.items() if found)
            raise CheckpointError(f"{self.folder}: the weights do not fit its config.json; {listed}")

        if "mlm" in groups.values() and "mlm" not in fresh:
            self._check_tied()
        for file in sorted({self.files[name][0] for name in read}):
            with safe_open(file, framework="numpy") as tensors:
                for name, (variable, transposed) in read.items():
                    if self.files[name][0] == file:
                        value = _float32(tensors, *self.files[name])
                        if not np.isfinite(value).all():
                            raise CheckpointError(f"{file}: {name} holds NaN or infinity; no answer could come of it")
                        variable.assign(value.T if transposed else value)
        if fresh:
            log.warning("%s: new, not from the checkpoint: %s", self.folder, ", ".join(sorted(fresh)))
        unused = sorted({name.split(".")[0] for name in left if name.startswith(names.OTHER_HEADS)})
        if unused:
            log.info("%s: not used by this model: %s", self.folder, ", ".join(unused))

    def _check_tied(self) -> None:
        """The copies of tied tensors must be copies: an untied head would be answered wrongly without a word."""
        for copy, original in names.TIED[self.config.model_type].items():
            if copy in self.files and original in self.files:
                a, b = (self._read(name) for name in (copy, original))
                if not np.array_equal(a, b):
                    raise CheckpointError(
                        f"{self.folder}: {copy} differs from {original}; kerasbert ties the two, untie is not supported"
                    )

    def _read(self, name: str) -> np.ndarray:
        file, stored = self.files[name]
        with safe_open(file, framework="numpy") as tensors:
            return _float32(tensors, file, stored)


def open_checkpoint(path: str | Path | None) -> Checkpoint:
    """Opens a Hugging Face folder, a hub id or (None) the package's own encoder, and reads the headers of its weights.

    Raises:
        CheckpointError: no such folder or id, no safetensors, a truncated or foreign file.
        ConfigError: a config.json that kerasbert cannot build.
    """
    folder = hub.folder_of(path)
    settings = read_config_json(folder)
    try:
        config = BertConfig.from_dict(settings)
    except ConfigError as error:
        raise ConfigError(f"{folder / 'config.json'}: {error}") from None
    shapes, files = {}, {}
    for file in _weight_files(folder):
        try:
            with safe_open(file, framework="numpy") as tensors:
                for stored in tensors.keys():  # noqa: SIM118 - not a dict
                    name, tensor = _modern_name(stored, config.model_type), tensors.get_slice(stored)
                    if name in names.BUFFERS:
                        continue
                    if name in files:
                        raise CheckpointError(f"{file}: {stored} and {files[name][1]} are one weight under two names")
                    if tensor.get_dtype() not in FLOATS:
                        raise CheckpointError(
                            f"{file}: {stored} is of type {tensor.get_dtype()}; kerasbert reads {', '.join(FLOATS)}: "
                            "save the model without quantisation"
                        )
                    shapes[name], files[name] = tuple(tensor.get_shape()), (file, stored)
        except FileNotFoundError:
            raise CheckpointError(f"{file}: no such file, but the folder's index names it; fetch it too") from None
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{file}: not a whole safetensors file ({error}); fetch or save it again") from None
    # A writer that stores tied tensors once may have kept the copy's name.
    for copy, original in names.TIED[config.model_type].items():
        if copy in shapes and original not in shapes:
            shapes[original], files[original] = shapes.pop(copy), files.pop(copy)
    return Checkpoint(folder, config, settings, shapes, files)


def read_tokenizer(folder: str | Path) -> tokenizers.HostTokenizer | None:
    """The tokenizer in a folder; None where none of its files is there."""
    if not any((Path(folder) / name).is_file() for name in TOKENIZER_FILES):
        return None
    return tokenizers.load(folder)


def save(model, folder: str | Path, *, task: str = "encoder", settings: dict | None = None) -> None:
    """Writes a folder that transformers opens: config.json, model.safetensors, the tokenizer's files.

    Args:
        model: has `config`, `tokenizer` and Keras `weights`.
        folder: made if it is not there; files of the same names are replaced, others stay.
        task: a key of `names.ARCHITECTURES`.
        settings: further keys for config.json.
    """
    family = model.config.model_type
    tensors = {}
    for variable in model.weights:
        name, transposed = names.tensor_name(family, variable.path, prefix=task != "encoder")
        value = np.asarray(variable.numpy() if hasattr(variable, "numpy") else variable, dtype="float32")
        tensors[name] = np.ascontiguousarray(value.T if transposed else value)
    config = {
        "architectures": [names.ARCHITECTURES[family][task]],
        **model.config.to_dict(),
        **(settings or {}),
        "dtype": "float32",
    }
    with new_folder(folder, update=True) as building:
        write_tensors(building / "model.safetensors", tensors, what=f"{folder}: the weights")
        (building / "config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        if model.tokenizer is not None:
            model.tokenizer.save(building)


def _weight_files(folder: Path) -> list[Path]:
    """The folder's safetensors: one file, or the shards that an index names."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if index.is_file():
        try:
            shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            # Only names inside the folder: an index is somebody's text, and must not read files elsewhere.
            return sorted(folder / Path(shard).name for shard in shards)
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise CheckpointError(f"{index}: not an index of shards ({error!r})") from None
    others = [name for name in ("pytorch_model.bin", "tf_model.h5") if (folder / name).is_file()]
    found = f"it has {' and '.join(others)}, which kerasbert does not read; " if others else ""
    raise CheckpointError(f"{folder}: no model.safetensors; {found}save the model as safetensors first")


def _modern_name(stored: str, family: str) -> str:
    """Without the family's prefix, and with the LayerNorm leaves of today."""
    name = stored.removeprefix(f"{family}.")
    for old, new in names.OLD_LEAVES.items():
        name = name.removesuffix(old) + new if name.endswith(old) else name
    return name


def _float32(tensors, file: Path, name: str) -> np.ndarray:
    dtype = EIGHT_BITS.get(tensors.get_slice(name).get_dtype())
    if dtype is None:
        return np.asarray(tensors.get_tensor(name)).astype("float32")
    with file.open("rb") as stored:  # the length of the header, the header, the tensors
        length = int.from_bytes(stored.read(8), "little")
        header = json.loads(stored.read(length))[name]
        begin, end = header["data_offsets"]
        stored.seek(8 + length + begin)
        return np.frombuffer(stored.read(end - begin), dtype).reshape(header["shape"]).astype("float32")


def _shape(variable, transposed: bool) -> tuple:
    return tuple(variable.shape[::-1]) if transposed else tuple(variable.shape)


def _listing(found: list[str], most: int = 8) -> str:
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more
