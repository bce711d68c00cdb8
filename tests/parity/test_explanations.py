"""Explanations against what `record_explanations.py` recorded of captum and of transformers."""

from pathlib import Path

import numpy as np
import pytest

from kerasbert.explanations.explain import attention_map
from kerasbert.explanations.integral import integrate
from kerasbert.explanations.targets import Part
from kerasbert.explanations.terms import term_of
from kerasbert.models.opening import open_model
from kerasbert.tasks.encoding import inputs_of
from kerasbert.tasks.task import Example, Row

FIXTURES = Path(__file__).parent / "fixtures"
NAMES = ("bert_classifier", "roberta_classifier", "distilbert_classifier", "bert_tokens")
TEXTS = ("Hello, my dog is cute.", "A lovely film that takes its time, and is the better for it.")
CASES = {"one": TEXTS[:1], "pair": TEXTS}
STEPS, TOKEN = 20, 3


@pytest.fixture(scope="module", params=NAMES)
def model(request):
    opened = open_model(FIXTURES / request.param)
    opened.folder = request.param
    return opened


def case_of(model, name: str) -> tuple[Row, dict]:
    """The row of a case, and what was recorded of it."""
    with np.load(FIXTURES / "explanations.npz") as arrays:
        prefix = f"{model.folder}.{name}."
        recorded = {key.removeprefix(prefix): arrays[key] for key in arrays if key.startswith(prefix)}
    (encoding,) = model.tokenizer.encode(*([text] for text in CASES[name]))
    assert encoding.ids == recorded["input_ids"].tolist()
    return Row(Example({}), inputs_of(encoding, model.tokenizer.has_token_types), encoding), recorded


def compare_attention(model, tolerance: float) -> None:
    row, recorded = case_of(model, "one")
    found = attention_map(model, row)
    assert found.weights.dtype == np.float32
    assert len(found.tokens) == len(row)
    assert found.weights.shape == recorded["attention"].shape
    np.testing.assert_allclose(found.weights, recorded["attention"], atol=tolerance, rtol=0)


def test_attention_is_that_of_transformers(model):
    compare_attention(model, 1e-6)


@pytest.mark.parametrize("case", CASES)
def test_integrated_gradients_are_those_of_captum(model, case):
    row, recorded = case_of(model, case)
    batch = {name: np.array([row.inputs[name]], "int32") for name in model.input}
    logits = np.asarray(model.predict_on_batch(batch))[0]
    tagged = logits.ndim == 2
    label = int(np.argmax(logits[TOKEN] if tagged else logits))
    place = (TOKEN, label) if tagged else (label,)
    found = integrate([term_of(model, row, Part(0, "logits", place))], steps=STEPS, most=STEPS)
    np.testing.assert_allclose([found.score, found.baseline_score], recorded["scores"], atol=1e-5)
    np.testing.assert_allclose(found.attributions[0], recorded["attributions"], atol=1e-5)
    assert np.abs(recorded["attributions"]).max() > 0.01
