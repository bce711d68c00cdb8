"""Records the logits of transformers' token classifiers with one label, for rows of sentences.

    pip install transformers==5.24.0 torch safetensors numpy
    python tests/models/record_extracts.py

The folders are those of `checkpoints/head_classes.py`, whose numbers come from a fixed seed; of their classifier the
first label stays. So only ids and logits are recorded.
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

NAMES = ("BertForTokenClassification", "RobertaForTokenClassification", "DistilBertForTokenClassification")
SENTENCES = (4, 6, 3)
"""Number of tokens of each sentence of a row."""


def main():
    recorded = {}
    for name in NAMES:
        draw, tokens = np.random.default_rng(len(name)), sum(SENTENCES)
        inputs = {"input_ids": draw.integers(5, 100, (2, tokens)), "attention_mask": np.ones((2, tokens), int)}
        if name.startswith("Bert"):
            inputs["token_type_ids"] = np.repeat([[0, 1, 0]] * 2, SENTENCES, axis=1)
        with tempfile.TemporaryDirectory() as folder:
            model = getattr(transformers, name).from_pretrained(make_folder(Path(folder) / "model", name)).eval()
        with torch.no_grad():
            logits = model(**{key: torch.tensor(value) for key, value in inputs.items()}).logits[..., 0]
        inputs = {key: value.tolist() for key, value in inputs.items()}
        recorded[name] = {"inputs": inputs, "logits": [[round(x, 7) for x in row] for row in logits.tolist()]}
    (HERE / "extracts.json").write_text(json.dumps(recorded) + "\n", "utf-8")


if __name__ == "__main__":
    main()
