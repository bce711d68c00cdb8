"""The Keras half of seq2seq: a step is a place of the whole text, files come back as they were, losses agree."""

import dataclasses
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbert import BertConfig, BertEncoder, Seq2Seq
from kerasbert.errors import CheckpointError, ConfigError, DataError
from kerasbert.models.opening import open_model
from kerasbert.runs.describe import describe

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
KINDS = {
    "as transformers": ({}, {"tied_words": False}),
    "roberta": ({"model_type": "roberta", "pad_token_id": 1, "type_vocab_size": 1}, {"tied_words": False}),
    "norms first": ({"norm_first": True}, {}),
    "additive": ({}, {"cross_attention": "additive"}),
    "shallow": ({"type_vocab_size": 0, "norm_first": True}, {"layers": 1, "cross_attention": "additive"}),
}
IDS = {"decoder_start_token_id": 2, "eos_token_id": 3}


def small(kind: str, **changes) -> Seq2Seq:
    """A model with large random weights, so that a mistake anywhere shows."""
    own, options = KINDS[kind]
    config = BertConfig(vocab_size=40, max_position_embeddings=20, **SIZES, **own)
    options = {**options, **IDS, **changes}
    layers = options.pop("layers", config.num_hidden_layers)
    decoder = BertConfig(**{**config.to_dict(), "num_hidden_layers": layers})
    model = Seq2Seq(BertEncoder(config, pooler=False), decoder=decoder, **options)
    random = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(random.normal(0, 0.3, weight.shape) + ("gamma" in weight.path))
    return model


def batch_of(model: Seq2Seq, length: int = 6) -> dict:
    random = np.random.default_rng(1)
    mask = np.array([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]], "int32")
    ids = np.where(mask, random.integers(5, 40, mask.shape), model.config.pad_token_id).astype("int32")
    batch = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(mask)}
    batch["decoder_input_ids"] = random.integers(5, 40, (2, length)).astype("int32")
    return {name: batch[name] for name in model.input}


@pytest.mark.parametrize("fixed", [False, True], ids=["growing", "fixed"])
@pytest.mark.parametrize("kind", KINDS)
def test_steps_with_a_cache_give_the_logits_of_the_whole_text(kind, fixed):
    model = small(kind)
    batch = batch_of(model)
    wanted = np.asarray(model(batch, training=False))
    parts = model.parts
    memory = np.asarray(parts.encoder({name: batch[name] for name in parts.encoder.input})["memory"])
    width, length = memory.shape[2], wanted.shape[1]
    cache = np.full((2, length if fixed else 1, width), 9.0, "float32")  # places that are not filled are masked
    for position in range(length):
        step = {
            "decoder_input_ids": batch["decoder_input_ids"][:, position],
            "decoder_position": np.full(2, position, "int32"),
            "attention_mask": batch["attention_mask"],
            "memory": memory,
            "cache": cache if fixed or not position else cache[:, :position],
        }
        found = parts.decoder_step(step)
        np.testing.assert_allclose(found["logits"], wanted[:, position], atol=1e-5)
        entry = np.asarray(found["cache_entry"])
        if not fixed and position:
            cache = np.concatenate([cache, np.zeros_like(cache[:, :1])], axis=1)
        cache[:, position] = entry


def test_graphs_say_the_sizes_of_this_model():
    encoder, step = small("as transformers").graphs()
    assert [each.name for each in encoder.inputs] == ["input_ids", "attention_mask", "token_type_ids"]
    widths = {each.name: each.width for each in (*encoder.outputs, *step.inputs, *step.outputs)}
    assert widths["memory"] == widths["cache"] == widths["cache_entry"] == 2 * 2 * 16
    assert widths["logits"] == 40


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_and_a_keras_file_hold_the_same_model(kind, tmp_path):
    model = small(kind)
    batch = batch_of(model)
    model.save_pretrained(tmp_path / "folder")
    model.save(tmp_path / "model.keras")
    config = json.loads((tmp_path / "folder" / "config.json").read_text())
    foreign = kind in ("norms first", "additive", "shallow")
    assert config["model_type"] == ("kerasbert" if foreign else "encoder-decoder")
    for path in ("folder", "model.keras"):
        again = open_model(str(tmp_path / path))
        assert again.settings == model.settings
        assert again.saved_config == model.saved_config
        for ours, theirs in zip(model.weights, again.weights, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(again(batch, training=False), model(batch, training=False))


def test_an_encoder_of_a_checkpoint_begins_a_decoder(tiny_bert, caplog):
    model = Seq2Seq.from_pretrained(str(tiny_bert), decoder_layers=1)
    weights = {weight.path: weight.numpy() for weight in model.weights}
    ours, theirs = (weights[f"{part}block_0/output/kernel"] for part in ("", "decoder/"))
    np.testing.assert_array_equal(ours, theirs)
    assert model.decoder.embeddings.word_table is model.encoder.embeddings.word_table
    assert "cross-attention of the decoder" in caplog.text
    (answer,) = model.predict_text(["the film was good"], batch_size=1)
    assert answer.keys() == {"generated_text", "score", "finished"}


def test_the_usual_loss_is_that_of_keras_on_logits(tiny_bert):
    model = Seq2Seq.from_pretrained(str(tiny_bert), decoder_layers=1, max_length=16)
    texts = ["the film was good", "the book was bad and cold"], ["good film", "bad book, cold"]
    losses = []
    for loss_metrics in ({}, {"metrics": [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]}):
        model.compile(keras.optimizers.SGD(0.0), **loss_metrics)
        losses.append(model.evaluate(*texts, verbose=0, return_dict=True))
    assert losses[0]["loss"] == pytest.approx(losses[1]["loss"], abs=1e-5)
    assert losses[0]["accuracy"] == pytest.approx(losses[1]["accuracy"], abs=1e-6)


def test_arrays_have_weights_of_tokens_of_rows_or_none():
    """The loss is then Keras's mean, of logits, as it is if metrics are given."""
    model = small("as transformers")
    batch = batch_of(model)
    right = np.random.default_rng(2).integers(5, 40, batch["decoder_input_ids"].shape)
    of_tokens = np.random.default_rng(3).random(right.shape).astype("float32")
    for weights in (None, np.array([0.5, 2.0], "float32"), of_tokens):
        found = []
        for metrics in ({}, {"weighted_metrics": [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]}):
            model.compile(keras.optimizers.SGD(0.0), **metrics)
            found.append(model.evaluate(batch, right, sample_weight=weights, verbose=0, return_dict=True))
        assert found[0]["loss"] == pytest.approx(found[1]["loss"], abs=1e-5)
        assert found[0]["accuracy"] == pytest.approx(found[1]["accuracy"], abs=1e-6)


def test_a_keras_file_is_compiled_as_it_was(tmp_path):
    model = small("as transformers")
    batch, right = batch_of(model), np.full((2, 6), 7)
    model.compile("sgd", label_smoothing=0.3)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    found = [each.evaluate(batch, right, verbose=0, return_dict=True) for each in (model, again)]
    assert found[0].keys() == {"loss", "accuracy"}
    assert found[1] == found[0]
    assert again.label_smoothing == 0.3


def test_what_does_not_go_into_the_loss_is_refused(tiny_bert):
    model = Seq2Seq.from_pretrained(str(tiny_bert), decoder_layers=1, max_length=16)
    for share in (-0.1, 1.0, float("nan")):
        with pytest.raises(ConfigError, match=f"label_smoothing is {share}: use a number of at least 0 and below 1"):
            model.compile(label_smoothing=share)
    with pytest.raises(ConfigError, match=r"label_smoothing is 0.2, and loss is given too: leave one of them out"):
        model.compile(loss="sparse_categorical_crossentropy", label_smoothing=0.2)
    model.compile()
    with pytest.raises(ConfigError, match="its loss needs right answers; give y"):
        model.fit(["the film was good"], verbose=0)


def test_no_text_is_longer_than_the_decoder(tiny_bert):
    model = Seq2Seq.from_pretrained(str(tiny_bert), decoder_layers=1, max_length=16, max_new_tokens=8)
    most = model.config.max_length
    with pytest.raises(ConfigError, match=f"max_new_tokens is {most + 1}: use 1 to {most}, the model's places"):
        model.predict_text(["good"], max_new_tokens=most + 1)
    assert model.exported_settings().max_target_positions == model.settings.max_new_tokens < most


def test_with_lora_the_encoder_learns_by_it_and_the_decoder_in_full(tiny_bert):
    model = Seq2Seq.from_pretrained(str(tiny_bert), decoder_layers=1, max_length=16)
    model.enable_lora(2)
    model.compile(keras.optimizers.SGD(0.5))
    before = {weight.path: weight.numpy() for weight in model.weights}
    model.fit(["the film was good"] * 2, ["good film", "film"], batch_size=2, verbose=0)
    moved = {weight.path for weight in model.weights if not np.array_equal(weight, before[weight.path])}
    encoder = {path for path in moved if not path.startswith("decoder/")}
    assert encoder
    assert all("lora_kernel" in path for path in encoder)
    assert {path for path in before if path.startswith("decoder/block_0/") and path.endswith("kernel")} <= moved


def test_batches_are_filled_by_tokens_unless_rows_are_asked_for(tiny_bert):
    model = Seq2Seq.from_pretrained(str(tiny_bert), decoder_layers=1, max_length=16)
    texts = ["the film was good"] * 9, ["good film"] * 9  # 8 tokens on each side, padded

    def rows(**options) -> list[int]:
        return sorted(len(targets) for _, targets, _ in model.dataset(*texts, **options))

    assert rows() == [9]
    assert rows(batch_tokens=64) == [1, 4, 4]
    assert rows(batch_size=5) == [4, 5]
    with pytest.raises(ConfigError, match="batch_size is 4 and batch_tokens is 64: give one of them"):
        rows(batch_size=4, batch_tokens=64)
    data = tf.data.Dataset.from_tensor_slices(texts)
    with pytest.raises(ConfigError, match="batch_tokens is 64: a data set has batches of rows; give batch_size"):
        model.dataset(data, batch_tokens=64)


def test_training_on_texts_lowers_the_loss(tiny_bert):
    model = Seq2Seq.from_pretrained(str(tiny_bert), decoder_layers=1, max_length=16)
    model.compile(keras.optimizers.Adam(3e-3))
    texts = ["the film was good", "the book was bad and cold"] * 4, ["good film", "bad book, cold"] * 4
    losses = model.fit(*texts, batch_size=4, epochs=6, verbose=0).history["loss"]
    assert losses[-1] < losses[0] - 1
    with pytest.raises(
        ConfigError, match=r"^seq2seq: its loss needs right answers; give y, or a data set of \(x, y\)$"
    ):
        model.fit(texts[0], verbose=0)
    with pytest.raises(DataError, match=r"^y\[0\]: the target is 3; give a text, or a list of texts$"):
        model.fit(texts[0], [3] * 8, verbose=0)


def test_a_decoder_may_have_fewer_positions_than_the_encoder(tiny_bert):
    """Its batches are not rounded up beyond them."""
    encoder = BertEncoder.from_pretrained(str(tiny_bert))
    model = Seq2Seq(encoder, decoder=dataclasses.replace(encoder.config, max_position_embeddings=9))
    assert model.settings.max_new_tokens == 9
    model.compile()
    (loss,) = model.fit(["good"], ["the film was good and the book was bad"], verbose=0).history["loss"]
    assert np.isfinite(loss)


def test_parts_that_do_not_fit_are_refused():
    config = BertConfig(vocab_size=40, **SIZES)
    with pytest.raises(ConfigError, match="hidden_size of the decoder is 8: use 16"):
        Seq2Seq(BertEncoder(config), decoder=BertConfig(vocab_size=40, **{**SIZES, "hidden_size": 8}), **IDS)
    with pytest.raises(ConfigError, match="decoder_start_token_id is not known without a tokenizer"):
        Seq2Seq(BertEncoder(config))
    with pytest.raises(ConfigError, match="vocab_size of the decoder is 50: use 40, that of the encoder"):
        Seq2Seq(BertEncoder(config), decoder=BertConfig(vocab_size=50, **SIZES), tied_words=False, **IDS)
    with pytest.raises(ConfigError, match="eos_token_id is 40: use 0 to 39, one of the words"):
        small("as transformers", eos_token_id=40)
    with pytest.raises(ConfigError, match="max_new_tokens is 21: use 1 to 20"):
        small("as transformers", max_new_tokens=21)


def test_a_folder_that_lacks_a_tensor_of_the_decoder_is_refused(tmp_path):
    from safetensors.numpy import load_file, save_file

    small("as transformers").save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["decoder.bert.encoder.layer.1.crossattention.self.key.weight"]
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"missing: decoder\.bert\.encoder\.layer\.1\.crossattention"):
        Seq2Seq.from_pretrained(str(tmp_path))


def test_what_a_folder_holds_is_described(tiny_bert, tmp_path):
    model = Seq2Seq.from_pretrained(tiny_bert, decoder_layers=1)
    model.save_pretrained(tmp_path / "pair")
    found = describe(tmp_path / "pair")
    assert (found["task"], found["family"], found["architecture"]) == (
        "seq2seq",
        "bert and bert",
        "EncoderDecoderModel",
    )
    assert found["layers"] == model.config.num_hidden_layers
    assert found["decoder"]["layers"] == len(model.decoder.blocks)


ON_JAX = """if True:
    import json
    import sys
    import keras
    import kerasbert as kb

    folder, texts, out = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
    model = kb.Seq2Seq.from_pretrained(folder)
    model.compile(keras.optimizers.SGD(0.1))
    answers, figures = model.predict_text(texts[0]), model.evaluate(*texts, verbose=0, return_dict=True)
    model.fit(*texts, batch_size=2, shuffle=False, verbose=0)
    model.save_pretrained(out)
    print(json.dumps([keras.backend.backend(), answers, figures]))
"""


@pytest.mark.slow
def test_jax_writes_measures_and_learns_the_same(tiny_bert, tmp_path):
    pytest.importorskip("jax")
    start = BertEncoder.from_pretrained(str(tiny_bert))
    config = dataclasses.replace(start.config, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    encoder = BertEncoder(config, tokenizer=start.tokenizer, pooler=False)
    model = Seq2Seq(encoder, max_length=16, max_new_tokens=5, cross_attention="additive")
    model.save_pretrained(tmp_path / "start")
    texts = [["the film was good", "the book was bad and cold"], ["good film", "bad book, cold"]]
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", ON_JAX, tmp_path / "start", json.dumps(texts), tmp_path / "learned"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    backend, answers, figures = json.loads(done.stdout.splitlines()[-1])
    assert backend == "jax"
    for ours, theirs in zip(answers, model.predict_text(texts[0]), strict=True):
        assert ours["generated_text"] == theirs["generated_text"]
        assert ours["score"] == pytest.approx(theirs["score"], abs=1e-5)
    model.compile(keras.optimizers.SGD(0.1))
    assert figures == pytest.approx(model.evaluate(*texts, verbose=0, return_dict=True), abs=1e-5)
    model.fit(*texts, batch_size=2, shuffle=False, verbose=0)
    for ours, theirs in zip(Seq2Seq.from_pretrained(str(tmp_path / "learned")).weights, model.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
