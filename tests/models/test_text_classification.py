"""The classifier as somebody uses it in Keras: compile, fit, evaluate, callbacks, saving, and going on."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from kerasbert import BertConfig, BertEncoder, TextClassifier
from kerasbert.errors import CheckpointError, ConfigError, DataError
from kerasbert.examples.readers import read_examples
from kerasbert.training.optimizers import adamw


def compiled(folder, *, run_eagerly: bool = True, **options) -> TextClassifier:
    """Eager where there are fewer than ten steps, which are not worth the tracing."""
    model = TextClassifier.from_pretrained(folder, max_length=16, **options)
    model.compile(keras.optimizers.Adam(5e-3), run_eagerly=run_eagerly)
    return model


@pytest.fixture
def model(tiny_bert):
    """With a new head."""
    keras.utils.set_random_seed(3)
    return compiled(tiny_bert, labels=["negative", "positive"])


@pytest.fixture
def learner(tiny_bert):
    """The same, for many steps."""
    keras.utils.set_random_seed(3)
    return compiled(tiny_bert, labels=["negative", "positive"], run_eagerly=False)


def fit(model, path, **options):
    return model.fit(model.dataset(path, batch_size=50), shuffle=False, verbose=0, **options).history


@pytest.mark.slow
def test_fit_learns_and_evaluate_measures_what_the_logits_say(learner, opinion_file):
    model = learner
    history = fit(model, opinion_file, epochs=8)
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    held = model.dataset(opinion_file, batch_size=70, shuffle=False)
    loss, accuracy = model.evaluate(held, verbose=0)
    # Keras's figures are those that `kerasbert evaluate` prints: of the same texts, against the same targets.
    examples = read_examples(opinion_file, model.task)
    figures = model.task.figures(list(model.answered(examples)), model.settings)
    assert figures["accuracy"] == pytest.approx(accuracy)
    targets = np.concatenate([np.asarray(batch) for _, batch in held])
    logits = np.concatenate([model.predict_on_batch(inputs) for inputs, _ in held])
    shares = np.log(np.exp(logits).sum(-1)) - logits[np.arange(len(targets)), targets]
    assert loss == pytest.approx(shares.mean(), rel=1e-4)


def test_what_compile_is_given_has_precedence(model, opinion_file):
    optimizer, loss = keras.optimizers.SGD(0.5), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    metric = keras.metrics.SparseTopKCategoricalAccuracy(k=2, name="top_2")
    model.compile(optimizer, loss, metrics=[metric], run_eagerly=True)
    assert model.optimizer is optimizer
    assert set(fit(model, opinion_file, steps_per_epoch=1)) == {"loss", "top_2"}


def test_a_compiled_model_goes_on_from_its_keras_file_as_if_it_had_not_stopped(tmp_path):
    """The same optimizer, with its moments, its step, and what it does not decay."""
    numbers = {"vocab_size": 40, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 24}
    no_dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    config = BertConfig.from_size("tiny", **numbers, **no_dropout, max_position_embeddings=20)
    model = TextClassifier(BertEncoder(config), labels=["a", "b", "c"])
    model.compile(adamw(learning_rate=1e-2, steps=9, warmup=0, weight_decay=10.0), run_eagerly=True)
    ids = np.random.default_rng(0).integers(2, 40, (6, 7)).astype("int32")
    batch = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": ids % 2}, np.arange(6) % 3
    model.train_on_batch(*batch)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.compiled
    assert int(again.optimizer.iterations) == 1
    for _ in range(3):
        model.train_on_batch(*batch)
        again.train_on_batch(*batch)
    for one, two in zip(again.weights, model.weights, strict=True):
        np.testing.assert_allclose(one.numpy(), two.numpy(), atol=1e-6, err_msg=two.path)


def test_a_model_compiled_with_objects_of_the_users_goes_on_too(model, opinion_file, tmp_path):
    fit(model, opinion_file, steps_per_epoch=1)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(again.optimizer, keras.optimizers.Adam)
    assert float(again.optimizer.learning_rate) == pytest.approx(5e-3)
    assert again.predict_text(["the film was bad"]) == model.predict_text(["the film was bad"])
    assert set(fit(again, opinion_file, steps_per_epoch=1)) == {"accuracy", "loss"}


@pytest.mark.slow
def test_fit_goes_on_from_a_saved_folder(learner, opinion_file, tmp_path):
    before = fit(learner, opinion_file, epochs=6)["loss"]
    learner.save_pretrained(tmp_path / "model")
    assert fit(compiled(tmp_path / "model"), opinion_file)["loss"][0] < before[0]


def test_callbacks_of_keras_work(model, opinion_file, tmp_path):
    stop = keras.callbacks.EarlyStopping("val_loss", min_delta=1e9, patience=1)
    keep = keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", monitor="val_accuracy", save_best_only=True)
    options = {"epochs": 5, "steps_per_epoch": 1, "validation_steps": 1, "callbacks": [stop, keep]}
    held = model.dataset(opinion_file, shuffle=False)
    assert len(fit(model, opinion_file, validation_data=held, **options)["loss"]) == 2
    assert keras.models.load_model(tmp_path / "best.keras").labels == ("negative", "positive")


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["cls", "mean", "additive"])
def test_every_pooling_learns(tiny_bert, opinion_file, pooling):
    keras.utils.set_random_seed(5)
    model = compiled(tiny_bert, labels=["negative", "positive"], pooling=pooling, run_eagerly=False)
    inputs, targets = next(iter(model.dataset(opinion_file, batch_size=40)))
    before, _ = model.test_on_batch(inputs, targets)
    for _ in range(25):
        model.train_on_batch(inputs, targets)
    model.reset_metrics()
    assert model.test_on_batch(inputs, targets)[0] < 0.7 * before


def test_pairs_are_read_trained_and_answered_in_their_order(tiny_bert, tmp_path):
    words = ("good", "bad", "warm", "cold", "film", "book", "room", "hotel")
    rows = [(f"{a} {b}", b, "same" if a == b else "other") for a in words for b in words[:4]]
    path = tmp_path / "pairs.tsv"
    lines = ["sentence1\tsentence2\tlabel", *("\t".join(row) for row in rows)]
    path.write_text("\n".join(lines), encoding="utf-8")
    model = TextClassifier.from_pretrained(tiny_bert, labels=["other", "same"], max_length=16)
    inputs, targets = next(iter(model.dataset(path, batch_size=len(rows), shuffle=False)))
    firsts, seconds = [row[0] for row in rows], [row[1] for row in rows]
    expected = model.tokenizer(firsts, seconds)
    for name, values in inputs.items():
        np.testing.assert_array_equal(values[:, : expected[name].shape[1]], expected[name])
    assert [model.labels[number] for number in targets] == [row[2] for row in rows]
    together = model.predict_logits(firsts, seconds, batch_size=7)
    np.testing.assert_allclose(together, model.predict_on_batch(inputs), atol=1e-5)


def test_texts_of_all_lengths_are_answered_as_if_alone(model):
    texts = [" ".join(["film"] * length) for length in (30, 1, 0, 9, 3)]
    alone = np.concatenate([model.predict_logits([text]) for text in texts])
    np.testing.assert_allclose(model.predict_logits(texts, batch_size=2), alone, atol=1e-5)
    assert model.predict_text([]) == []


def test_a_label_that_the_model_does_not_know_is_named_with_its_line(model, tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text('{"text": "good", "label": "positive"}\n{"text": "odd", "label": "odd"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"data.jsonl, line 2: unknown label 'odd'"):
        model.dataset(path)


def test_a_checkpoint_without_a_classifier_says_what_to_do(tiny_bert):
    with pytest.raises(
        CheckpointError,
        match=rf"^{tiny_bert}: has no classifier; fine-tune it first, or name the labels of a new one, labels=\[...\]$",
    ):
        TextClassifier.from_pretrained(tiny_bert)
    for labels, said in (([], "labels is empty: give names"), ("ab", "labels is 'ab': give a list of names")):
        with pytest.raises(ConfigError, match=said):
            TextClassifier.from_pretrained(tiny_bert, labels=labels)


@pytest.mark.slow
def test_on_jax_a_classifier_trains_and_is_saved_and_an_export_says_what_it_needs(tiny_bert, opinion_file, tmp_path):
    pytest.importorskip("jax")
    code = """if True:
        import sys
        import keras
        import kerasbert as kb
        from kerasbert.errors import ExportError

        keras.utils.set_random_seed(0)
        checkpoint, data, out = sys.argv[1:]
        model = kb.TextClassifier.from_pretrained(checkpoint, labels=["negative", "positive"], max_length=16)
        model.compile(keras.optimizers.Adam(3e-3))
        model.fit(model.dataset(data, batch_size=20), epochs=10, shuffle=False, verbose=0)
        model.save_pretrained(out)
        loss, accuracy = model.evaluate(model.dataset(data, shuffle=False), verbose=0)
        print(keras.backend.backend(), accuracy)
        try:
            kb.export.onnx(model, "bundle")
        except ExportError as error:
            print(error)
    """
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", code, tiny_bert, opinion_file, tmp_path / "model"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    answers, refusal = done.stdout.splitlines()
    assert answers == "jax 1.0"
    assert refusal == (
        "exports are written by TensorFlow, but Keras runs on jax: save_pretrained the model, and export it "
        "with KERAS_BACKEND=tensorflow"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    again = compiled(tmp_path / "model")
    assert again.evaluate(again.dataset(opinion_file, shuffle=False), verbose=0)[1] == 1.0
