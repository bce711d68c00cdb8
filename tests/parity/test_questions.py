"""Question answerers of the three families against the logits that `record_questions.py` recorded of transformers."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from kerasbert import QuestionAnswerer
from kerasbert.checkpoints.names import ARCHITECTURES
from kerasbert.models.opening import open_model

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
def test_a_head_of_transformers_is_read_and_written(family, tmp_path):
    with np.load(FIXTURES / "questions.npz") as arrays:
        recorded = {name.split(".")[1]: arrays[name] for name in arrays if name.startswith(f"{family}.")}
    folder = shutil.copytree(FIXTURES / f"{family}_tokens", tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    tensors = {name: value for name, value in tensors.items() if not name.startswith("classifier")}
    tensors |= {f"qa_outputs.{name}": recorded[name] for name in ("weight", "bias")}
    save_file(tensors, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["architectures"] = [ARCHITECTURES[family]["question-answering"]]
    (folder / "config.json").write_text(json.dumps(config), "utf-8")

    model = open_model(folder)
    assert type(model) is QuestionAnswerer
    found = model.predict_on_batch({name: recorded[name] for name in model.input})
    real = recorded["attention_mask"].astype(bool)
    for name in ("start_logits", "end_logits"):
        np.testing.assert_allclose(found[name][real], recorded[name][real], atol=1e-5, rtol=0)

    model.save_pretrained(tmp_path / "saved")
    written = load_file(tmp_path / "saved" / "model.safetensors")
    assert written.keys() == tensors.keys()
    assert all((written[name] == value).all() for name, value in tensors.items())
    stored = json.loads((tmp_path / "saved" / "config.json").read_text("utf-8"))
    assert stored["architectures"] == config["architectures"]
