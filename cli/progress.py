"""A bar on stderr, with the time left, for work of many texts."""

import sys

import click
import numpy as np

CHUNK = 128


def predict_logits(model, texts, pairs) -> np.ndarray:
    """`model.predict_logits` a chunk at a time under a bar; float32 (texts, labels)."""
    chunks = []
    with click.progressbar(length=len(texts), label="answering", show_pos=True, file=sys.stderr) as bar:
        for start in range(0, len(texts), CHUNK):
            chunk = slice(start, start + CHUNK)
            chunks.append(model.predict_logits(texts[chunk], pairs and pairs[chunk]))
            bar.update(len(chunks[-1]))
    return np.concatenate(chunks)
