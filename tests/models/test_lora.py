"""LoRA for every task and every family: what learns, what stays, and what is saved."""

import json
import re

import keras
import numpy as np
import pytest
from conftest import small_vocabulary
from families import pooler_for
from safetensors.numpy import load_file

from kerasbert import BertConfig, BertEncoder, TextClassifier
from kerasbert.checkpoints.huggingface import LORA
from kerasbert.errors import ConfigError
from kerasbert.families import FAMILIES
from kerasbert.models.opening import model_class
from kerasbert.tasks import NAMES, task_named
from kerasbert.tasks.task import Example
from kerasbert.tokenizers import WordPieceTokenizer
from kerasbert.training.optimizers import adamw, finetuning_rate, layer_factors

WORDS, FILM = ["the", "film", "was", "good"], {"text": "the film was good"}
EXAMPLES = {
    "text-classification": ({"labels": ["a", "b"]}, FILM, "b"),
    "token-classification": ({"labels": ["O", "B-X", "I-X"]}, {"text": WORDS}, ["O", "B-X", "O", "O"]),
    "question-answering": (
        {"stride": 2},
        {"question": "a film?", "context": FILM["text"]},
        {"text": ["good"], "answer_start": [13]},
    ),
    "fill-mask": ({}, FILM, None),
    "multiple-choice": ({}, {"prompt": "the film", "choices": ["was good", "was bad"]}, 1),
    "extractive-summarization": ({}, {"source": ["the film was good", "the book was bad"]}, {"source_labels": [1, 0]}),
    "sentence-embedding": ({}, {"anchor": "the film", "positive": "was good", "negative": "was bad"}, None),
    "next-sentence": ({}, {**FILM, "text_pair": "the book was bad"}, 1),
}
"""Task -> its settings, and the fields and the right answer of an example."""
ATTENTION = [f"attention/{name}" for name in ("query", "key", "value", "output")]
PATHS = [*ATTENTION, "intermediate", "output"]
WITH_LORA = [name for name, family in FAMILIES.items() if name != "bert" and not family.static]
CASES = [
    *((task, "bert") for task in EXAMPLES),
    *((task, family) for task in ("text-classification", "fill-mask") for family in WITH_LORA),
]
"""Every task on BERT, and every family with two heads that have names of their own in each."""


def model_of(task="text-classification", family="bert", **options):
    keras.utils.set_random_seed(3)
    tokenizer = WordPieceTokenizer(small_vocabulary())
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12}
    sizes |= {"vocab_size": tokenizer.vocab_size, "max_position_embeddings": 24, "initializer_range": 0.2}
    config = BertConfig.from_size("tiny", model_type=family, **sizes)
    encoder = BertEncoder(config, tokenizer=tokenizer, pooler=pooler_for(task), dtype=options.get("dtype"))
    return model_class(task)(encoder, max_length=16, **EXAMPLES[task][0], **options)


def example(task: str) -> Example:
    _, fields, truth = EXAMPLES[task]
    return Example(fields, truth)


def answers(model, task="text-classification") -> dict[str, np.ndarray]:
    """The outputs for an example, all rows in one."""
    asked = example(task)
    if task == "fill-mask":
        asked = Example({"text": "the [MASK] was good"})
    (found,) = model.answered([asked])
    return {name: np.concatenate([np.ravel(row) for row in rows]) for name, rows in found.outputs.items()}


def step(model, task="text-classification", rate=0.1, **options) -> None:
    """Two training steps: B moves in the first, A in the second."""
    model.compile(adamw(learning_rate=rate), run_eagerly=not options, **options)
    for _ in range(2):
        model.fit(model.dataset_of([example(task)] * 2, batch_size=2), verbose=0)


def weights(model) -> dict[str, np.ndarray]:
    return {weight.path: weight.numpy() for weight in model.weights}


def close(one: dict, other: dict, tolerance: float) -> None:
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_allclose(values, other[name], atol=tolerance, err_msg=name)


def test_every_task_that_learns_is_here():
    """But seq2seq, which has a test of its own: its decoder learns in full."""
    assert {*EXAMPLES, "seq2seq"} == {name for name in NAMES if task_named(name).targets is not None}


@pytest.mark.parametrize(("task", "family"), CASES)
def test_only_loras_matrices_and_the_head_learn_and_the_folder_is_merged(task, family, tmp_path):
    model = model_of(task, family)
    before, said = weights(model), answers(model, task)
    model.enable_lora(2)
    close(answers(model, task), said, 0)
    start = weights(model)
    step(model, task)
    after = weights(model)
    moved = {path for path in after if not np.array_equal(start[path], after[path])}
    inside = {path for path in moved if re.search(r"(^|/)(block_\d+|embeddings)/", path)}
    assert inside == {f"block_{i}/{name}/{matrix}" for i in range(2) for name in PATHS for matrix in LORA}
    assert bool(moved - inside) == (task != "sentence-embedding")  # which has no head
    assert {path for path in moved - inside if path in before} == moved - inside
    assert len(model.optimizer.variables) == 2 + 2 * len(model.trainable_variables)
    said = answers(model, task)
    model.save_pretrained(tmp_path / "model")
    assert load_file(tmp_path / "model" / "model.safetensors").keys() == _tensors_of(model_of(task, family), tmp_path)
    assert "lora" not in (tmp_path / "model" / "config.json").read_text()
    loaded = type(model).from_pretrained(tmp_path / "model")
    close(answers(loaded, task), said, 1e-5)
    model.merge_lora()
    close(answers(model, task), said, 1e-5)
    assert weights(model).keys() == before.keys()
    assert len(model.trainable_variables) == len(model_of(task, family).trainable_variables)


def _tensors_of(model, folder) -> set[str]:
    """The names of the tensors in the folder of a model."""
    model.save_pretrained(folder / "plain")
    return load_file(folder / "plain" / "model.safetensors").keys()


def test_what_was_frozen_before_stays_frozen():
    model = model_of()
    model.encoder.embeddings.trainable = False
    before = [weight.path for weight in model.trainable_weights]
    model.enable_lora(2)
    model.merge_lora()
    assert [weight.path for weight in model.trainable_weights] == before


def test_a_keras_file_is_merged_and_has_no_lora(tmp_path):
    model = model_of()
    model.enable_lora(2)
    step(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert (loaded.lora_rank, loaded.compiled) == (None, False)
    close(answers(loaded), answers(model), 1e-6)


def test_a_traced_model_answers_anew_after_each_change():
    """The first answer traces a function, which would compute on without LoRA, or add it twice."""
    model = model_of()
    plain = answers(model)["logits"]
    model.enable_lora(2)
    step(model)
    learned = answers(model)["logits"]
    assert np.abs(learned - plain).max() > 1e-3
    model.merge_lora()
    close(answers(model), {"logits": learned}, 1e-6)
    model.enable_lora(2)
    close(answers(model), {"logits": learned}, 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"recompute": True}, {"jit_compile": True}, {"accumulate": 2}], ids=str)
def test_each_way_of_a_step_gives_the_same_matrices(options):
    found = []
    for chosen in ({"recompute": False}, options):
        model = model_of()
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
        model.enable_lora(2)
        model.compile(keras.optimizers.SGD(0.1), **chosen)
        for _ in range(2):
            model.fit(model.dataset_of([example("text-classification")] * 2, batch_size=2), verbose=0)
        found.append(weights(model))
    close(*found, 1e-5)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_keeps_matrices_and_merged_kernels_in_float32(dtype):
    model = model_of(dtype=dtype)
    model.enable_lora(2)
    step(model)
    layer = model.lora_layers()[0]
    assert {layer.kernel.dtype.name, *(matrix.dtype for matrix in model.lora_weights())} == {"float32"}
    wanted = layer._kernel.numpy() + layer.lora_kernel_a.numpy() @ layer.lora_kernel_b.numpy()
    np.testing.assert_allclose(layer.kernel, wanted, atol=1e-6)
    before = layer.lora_kernel_b.numpy()
    step(model)
    assert not np.array_equal(layer.lora_kernel_b, before)


def test_alpha_scales_what_is_added():
    added = []
    for alpha in (None, 4):
        model = model_of()
        model.enable_lora(2, alpha=alpha)
        layer = model.lora_layers()[0]
        layer.lora_kernel_b.assign(np.ones(layer.lora_kernel_b.shape))
        added.append((layer.kernel - layer._kernel).numpy())
    np.testing.assert_allclose(added[1], 2 * added[0], atol=1e-6)
    assert np.abs(added[0]).max() > 0.01


def test_the_matrices_begin_as_in_peft():
    model = model_of()
    model.enable_lora(8)
    drawn = [layer.lora_kernel_a.numpy() for layer in model.lora_layers()]
    drawn = np.concatenate([matrix.ravel() * np.sqrt(len(matrix)) for matrix in drawn])
    assert 0.9 < np.abs(drawn).max() <= 1
    assert abs(drawn.std() - 1 / np.sqrt(3)) < 0.1
    assert not any(layer.lora_kernel_b.numpy().any() for layer in model.lora_layers())


def test_layer_decay_reaches_the_matrices():
    model = model_of()
    model.enable_lora(2)
    paths = [variable.path for variable in model.trainable_variables]
    factors = dict(zip(paths, layer_factors(paths, 0.5), strict=True))
    assert {factors[f"block_{i}/{name}/{LORA[1]}"] for i in (0,) for name in PATHS} == {0.25}
    assert {factors[f"block_{i}/{name}/{LORA[0]}"] for i in (1,) for name in PATHS} == {0.5}
    assert factors["classifier/dense/kernel"] == 1.0


@pytest.mark.parametrize("rank", [0, -1, 9, 2.0, True, "8"])
def test_a_rank_that_no_matrix_has_is_refused(rank):
    with pytest.raises(ConfigError, match=rf"^rank is {rank!r}: use a whole number from 1 to 8, the hidden size$"):
        model_of().enable_lora(rank)


def test_what_cannot_be_is_refused():
    model = model_of()
    with pytest.raises(ConfigError, match=r"^alpha is 0: use a number above 0, such as 2$"):
        model.enable_lora(2, alpha=0)
    model.enable_lora(2)
    with pytest.raises(ConfigError, match=r"^rank is 4, but the model has LoRA of rank 2; merge_lora\(\) ends it$"):
        model.enable_lora(4)


def test_the_usual_rate_is_ten_times_higher():
    config = BertConfig.from_size("base")
    assert finetuning_rate(config, lora=True) == pytest.approx(10 * finetuning_rate(config))


def test_exported_files_hold_the_merged_kernels(tmp_path):
    """No file has a matrix of the size of A or B, and each answers as the model does."""
    from kerasbert.export import export_bundle
    from kerasbert.runtime import load

    model = model_of()
    model.enable_lora(3)
    step(model)
    export_bundle(model, tmp_path / "bundle", formats=["onnx"])
    text = FILM["text"]
    (wanted,), (found,) = model.predict_text([text]), load(tmp_path / "bundle").predict_text([text])
    assert found["score"] == pytest.approx(wanted["score"], abs=1e-4)
    import onnx

    paths = [*(tmp_path / "bundle").glob("**/*.onnx")]
    shapes = [tuple(each.dims) for path in paths for each in onnx.load(path).graph.initializer]
    assert (8, 8) in shapes
    assert not [shape for shape in shapes if 3 in shape and len(shape) == 2]


def test_a_classifier_of_the_folder_learns_on_with_lora(tmp_path):
    """A second round begins from the merged weights."""
    model = model_of()
    model.enable_lora(2)
    step(model)
    model.save_pretrained(tmp_path / "model")
    again = TextClassifier.from_pretrained(tmp_path / "model")
    said = answers(again)
    again.enable_lora(2)
    close(answers(again), said, 0)
    assert json.loads((tmp_path / "model" / "config.json").read_text())["hidden_size"] == 8
