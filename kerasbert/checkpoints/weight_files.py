"""Files of weights in a folder: one file, or the shards that an index names."""

from pathlib import Path

from kerasbert.errors import CheckpointError
from kerasbert.reading import read_json


def find(folder: Path, name: str, index: str | None = None) -> list[Path]:
    """The file of this name, or the shards that an index names; none if neither is there.

    Args:
        index: the name of the index; None: `name` and `.index.json`, as in Hugging Face folders.
    """
    single, listed = folder / name, folder / (index or f"{name}.index.json")
    if single.exists():
        return [single]
    return shards_of(listed) if listed.is_file() else []


def shards_of(index: Path) -> list[Path]:
    """The files that an index of shards names, in the index's folder. Keras names a list where a layer has several."""
    try:
        named = read_json(index, CheckpointError)["weight_map"].values()
        shards = {shard for each in named for shard in ([each] if isinstance(each, str) else each)}
        # Only names inside the folder: an index is somebody's text, and must not read files elsewhere.
        return sorted(index.parent / Path(shard).name for shard in shards)
    except (KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{index}: not an index of shards ({error!r})") from None


def check_file(file: Path) -> None:
    """Raises CheckpointError: it is missing, or a pipe or a device, which may never end."""
    if not file.exists():
        raise CheckpointError(f"{file}: no such file, but the folder's index names it; fetch it too")
    if not file.is_file():
        raise CheckpointError(f"{file}: is not a regular file; name a folder that holds the weights themselves")
