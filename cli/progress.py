"""A bar on stderr, with the time left, for work of many texts."""

import io
import sys

import click
import numpy as np

CHUNK = 128


def bar(texts: int):
    """A progress bar for so many texts; unseen where stderr is no terminal."""
    file = sys.stderr if sys.stderr.isatty() else io.StringIO()
    return click.progressbar(length=texts, label="answering", show_pos=True, file=file)


def predict_logits(model, texts, pairs) -> np.ndarray:
    """`model.predict_logits` a chunk at a time under a bar; float32 (texts, labels)."""
    chunks = []
    with bar(len(texts)) as progress:
        for start in range(0, len(texts), CHUNK):
            chunk = slice(start, start + CHUNK)
            chunks.append(model.predict_logits(texts[chunk], pairs and pairs[chunk]))
            progress.update(len(chunks[-1]))
    return np.concatenate(chunks)
