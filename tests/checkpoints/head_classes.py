"""Folders of each head class of transformers: names from `record_head_classes.py`, random numbers."""

import json
import string
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent
RECORDED = {version: json.loads((HERE / f"head_classes_{version}.json").read_text("utf-8")) for version in ("5", "4")}
LAYOUTS = ("5", "4", "2018")
"""transformers 5.24, 4.30 (which stores position_ids too), and the gamma and beta of the first release."""

TASKS = {
    "Model": "encoder",
    "ForPreTraining": "pre-training",
    "ForMaskedLM": "fill-mask",
    "LMHeadModel": "text-generation",
    "ForCausalLM": "text-generation",
    "ForNextSentencePrediction": "next-sentence",
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForQuestionAnswering": "question-answering",
    "ForMultipleChoice": "multiple-choice",
}
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES += [f"{begin}{letter}" for letter in string.ascii_lowercase + string.digits for begin in ("", "##")]
PIECES += string.punctuation[: 105 - len(PIECES)]

NAMES = tuple(RECORDED["5"])
BERT = tuple(name for name in NAMES if name.startswith("Bert"))


def task_of(name: str) -> str:
    return TASKS[next(head for head in sorted(TASKS, key=len, reverse=True) if name.endswith(head))]


def make_folder(folder: Path, name: str, *, layout: str = "5", without=(), config=()) -> Path:
    """Writes config.json, model.safetensors and vocab.txt.

    Args:
        name: of a class, such as BertForTokenClassification.
        layout: one of `LAYOUTS`.
        without: parts of tensor names to leave out. config: keys of config.json to change; None takes one away.
    """
    recorded = RECORDED["5" if layout == "5" else "4"][name]
    draw = np.random.default_rng(0)
    tensors = {}
    for stored, shape in recorded["tensors"].items():
        if any(part in stored for part in without):
            continue
        if layout == "2018":
            stored = stored.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        whole = "position_ids" in stored
        tensors[stored] = np.zeros(shape, "int64") if whole else draw.normal(0, 0.2, shape).astype("float32")
    folder.mkdir(parents=True)
    save_file(tensors, folder / "model.safetensors")
    settings = {**recorded["config"], **dict(config)}
    (folder / "config.json").write_text(json.dumps({k: v for k, v in settings.items() if v is not None}), "utf-8")
    (folder / "vocab.txt").write_text("\n".join(PIECES), "utf-8")
    return folder
