"""Vectors of texts in a file: a NumPy array, or JSON lines with the texts. It is written whole or not at all."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from kerasbert.files import new_file


@contextmanager
def array_file(path: Path, count: int, width: int) -> Iterator[Callable[[str, np.ndarray], None]]:
    """Yields a function that takes each text with its vector, and writes a `.npy` file of float32 (count, width)."""
    with new_file(path, alone=True) as building:
        vectors = np.lib.format.open_memmap(building, mode="w+", dtype=np.float32, shape=(count, width))
        rows = iter(range(count))

        def write(text: str, vector: np.ndarray) -> None:
            vectors[next(rows)] = vector

        yield write
        vectors.flush()


@contextmanager
def lines_file(path: Path, count: int, width: int) -> Iterator[Callable[[str, np.ndarray], None]]:
    """Yields a function that takes each text with its vector, and writes a JSON object per line.

    A number has as many places as float32 needs.
    """
    with new_file(path, alone=True) as building, open(building, "w", encoding="utf-8", newline="\n") as stream:

        def write(text: str, vector: np.ndarray) -> None:
            numbers = [float(str(number)) for number in np.asarray(vector, np.float32)]
            print(json.dumps({"text": text, "embedding": numbers}, ensure_ascii=False), file=stream)

        yield write


FORMATS = {".npy": array_file, ".jsonl": lines_file}
"""Ending of a file -> what writes it."""


def write_vectors(path: Path, vectors: Iterable[tuple[str, np.ndarray]], *, count: int, width: int) -> None:
    """Writes the vectors of texts, in their order, as they come.

    Args:
        path: the file, which one of `FORMATS` ends.
        vectors: each text with its vector, float32 (width,).
        count: how many there are.

    Raises:
        KerasBertError: the file cannot be written, or another process writes it.
    """
    with FORMATS[path.suffix.lower()](path, count, width) as write:
        for text, vector in vectors:
            write(text, vector)
