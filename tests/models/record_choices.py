"""Records the logits of transformers' heads for multiple choice and for the next sentence, on tiny random folders.

    pip install transformers==5.24.0 torch safetensors numpy
    python tests/models/record_choices.py

The folders are those of `checkpoints/head_classes.py`, whose numbers come from a fixed seed, so only ids and logits are
recorded.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from checkpoints.head_classes import make_folder  # noqa: E402 - found through the line above

CHOICES = ("BertForMultipleChoice", "RobertaForMultipleChoice", "DistilBertForMultipleChoice")
PAIRS = ("BertForNextSentencePrediction", "BertForPreTraining")
EXAMPLES, ROWS, LENGTH = 3, 4, 11


def batch(name: str, axes: tuple[int, ...]) -> dict:
    """Random ids with padding behind them, and two segments for BERT."""
    draw = np.random.default_rng(len(name))
    real = np.arange(LENGTH) < draw.integers(4, LENGTH + 1, axes)[..., None]
    pad = 1 if name.startswith("Roberta") else 0
    ids = np.where(real, draw.integers(5, 100, (*axes, LENGTH)), pad)
    found = {"input_ids": ids, "attention_mask": real.astype(int)}
    return {**found, "token_type_ids": ((np.arange(LENGTH) > 3) & real).astype(int)} if name[:4] == "Bert" else found


def main():
    recorded = {}
    for name in (*CHOICES, *PAIRS):
        inputs = batch(name, (EXAMPLES, ROWS) if name in CHOICES else (EXAMPLES,))
        with tempfile.TemporaryDirectory() as folder:
            model = getattr(transformers, name).from_pretrained(make_folder(Path(folder) / "model", name)).eval()
        with torch.no_grad():
            found = model(**{key: torch.tensor(value) for key, value in inputs.items()})
        logits = found.seq_relationship_logits if name == "BertForPreTraining" else found.logits
        inputs = {key: value.tolist() for key, value in inputs.items()}
        recorded[name] = {"inputs": inputs, "logits": [[round(x, 7) for x in row] for row in logits.tolist()]}
    (HERE / "choices.json").write_text(json.dumps(recorded) + "\n", "utf-8")


if __name__ == "__main__":
    main()
