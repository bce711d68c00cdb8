"""What a model file says of itself, so that it can be used apart from its bundle."""

import json
import tempfile
from pathlib import Path

from kerasbert.runtime.manifest import measure
from kerasbert.tasks.task import labels_of
from kerasbert.tokenizers.options import check_options

NAME = "kerasbert"
"""The name under which a `.tflite` file has the facts, as JSON."""


def facts_of(model) -> dict[str, object]:
    """`task`, `labels` (for a model that has some), `max_length` and `vocabulary_sha256`, all plain values.

    The last one is the SHA-256 of the vocabulary's file: vocab.txt or, for byte pairs, tokenizer.json. A model without
    a tokenizer has none.
    """
    labels = {"labels": list(labels_of(model.settings))} if labels_of(model.settings) else {}
    return {"task": model.task.name, **labels, "max_length": model.max_length, **_vocabulary(model.tokenizer)}


def in_words(facts: dict[str, object]) -> dict[str, str]:
    """The facts as text, for metadata of names and text; what is not text is JSON there."""
    return {name: x if isinstance(x, str) else json.dumps(x, ensure_ascii=False) for name, x in facts.items()}


def _vocabulary(tokenizer) -> dict[str, str]:
    if tokenizer is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save(folder)
        return {"vocabulary_sha256": measure(Path(folder, check_options(tokenizer.options())))[1]}
