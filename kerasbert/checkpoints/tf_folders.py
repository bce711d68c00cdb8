"""Finds the checkpoint of TensorFlow that a path means, by names of files alone."""

import re
from pathlib import Path

from kerasbert.errors import CheckpointError
from kerasbert.reading import read_text

CONFIG = "bert_config.json"
OTHERS = ("*.safetensors*", "pytorch_model*", "tf_model*", "*.weights.*")
"""Weights that are read instead of a checkpoint of TensorFlow where a config.json is beside them."""


def fits(path: Path) -> bool:
    """Whether a path is a folder of google-research/bert or the Model Garden, or a checkpoint in it."""
    if path.is_dir():
        if (path / "config.json").exists():  # a folder of Hugging Face, unless a checkpoint is all that it has
            return bool(_indices(path)) and not any(any(path.glob(each)) for each in OTHERS)
        return bool((path / CONFIG).exists() or _indices(path) or _old(path))
    return path.suffix == ".index" or Path(f"{path}.index").exists() or (path.is_file() and _is_old(path))


def prefix_of(path: Path) -> Path:
    """The path without `.index` of the checkpoint that a path means.

    Args:
        path: a folder, the `.index` in it, or this path without `.index`.

    Raises:
        CheckpointError: the folder has no checkpoint, or several and nothing says which; or the file is of
            TensorFlow's first format.
    """
    old = _old(path) if path.is_dir() else path if _is_old(path) else None
    if path.is_dir() and (indices := _indices(path)):
        return _one_of(indices, path)
    if old:
        raise CheckpointError(
            f"{old}: a checkpoint of TensorFlow's first format, one file without .index; restore it and save it again "
            "with tf.compat.v1.train.Saver, which writes the second"
        )
    if path.is_dir():
        raise CheckpointError(
            f"{path}: holds {CONFIG} but no checkpoint of TensorFlow (bert_model.ckpt.index and its .data files): "
            f'fetch them too. If its weights are of torch, rename {CONFIG} to config.json, and add "model_type": "bert"'
        )
    return path.with_suffix("") if path.suffix == ".index" else path


def _one_of(indices: list[Path], folder: Path) -> Path:
    """The only checkpoint, or the one that the file `checkpoint` names."""
    if len(indices) == 1:
        return indices[0].with_suffix("")
    latest = folder / "checkpoint"
    said = read_text(latest, CheckpointError) if latest.exists() else ""
    named = re.search(r'^model_checkpoint_path: "([^"]*)"', said, re.MULTILINE)
    # Only a name inside the folder: the file has the path that the checkpoint was saved at.
    name = Path(named[1].replace("\\", "/")).name if named else ""
    if folder / f"{name}.index" in indices:
        return folder / name
    listed = ", ".join(index.stem for index in indices[:8])
    raise CheckpointError(
        f"{folder}: holds {len(indices)} checkpoints ({listed}), and no file `checkpoint` that says which counts; name "
        f"one, such as {indices[-1].with_suffix('')}"
    )


def _indices(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.index"))


def _old(folder: Path) -> Path | None:
    """A checkpoint of TensorFlow's first format: one file with its graph (`.meta`) beside it, and no index."""
    return next((meta.with_suffix("") for meta in sorted(folder.glob("*.meta")) if _is_old(meta.with_suffix(""))), None)


def _is_old(path: Path) -> bool:
    return path.is_file() and Path(f"{path}.meta").exists() and not Path(f"{path}.index").exists()
