"""The SavedModel of a model that writes texts: its graphs, and the signature from texts to texts."""

import dataclasses
import logging

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers the ops of the text signatures
from conftest import small_vocabulary
from families import small_encoder, tokenizer_of

from kerasbert import Seq2Seq
from kerasbert.errors import BundleError
from kerasbert.export.formats.saved_model.file import open_saved_model, write_saved_model
from kerasbert.tasks.ask import ask
from kerasbert.tasks.golden import TEXTS

SOURCES = [
    *("the film was good 🎬 and the room was kind", "Café 这家电影 was awful, day", "good", "", " \n", "\u200b"),
    *("the hotel was cold", "a book , a book", "[MASK] was bad", "the staff was kind and the food was good " * 5),
    *(text for text in TEXTS if text.strip()),
]


@pytest.fixture(scope="module")
def loaded(writer_folder):
    return tf.saved_model.load(str(writer_folder))


@pytest.fixture(scope="module")
def translate(loaded):
    """`translate(texts)` -> what the signature gives, as lists."""

    def call(texts: list) -> dict:
        found = loaded.signatures["translate"](text=tf.constant(texts, tf.string, [len(texts)]))
        lists = {name: values.numpy().tolist() for name, values in found.items()}
        return lists | {"generated_text": [text.decode() for text in lists["generated_text"]]}

    return call


def keras_graphs(model) -> dict:
    def run(part):
        return lambda batch: part.predict_on_batch({name: batch[name] for name in part.input})

    return {graph.name: run(getattr(model.parts, graph.name)) for graph in model.graphs()}


def answers(model, runs: dict, texts: list[str], **changes) -> list[dict]:
    settings = dataclasses.replace(model.settings, **changes)
    return list(ask(model.task, model.tokenizer, runs, model.task.examples(texts), settings, graphs=model.graphs()))


def test_texts_and_scores_are_those_of_the_host_alone_and_in_a_batch(writer, translate):
    wanted = answers(writer, keras_graphs(writer), SOURCES, num_beams=1, split_sentences=False)
    together, alone = translate(SOURCES), [translate([source]) for source in SOURCES]
    for i, each in enumerate(wanted):
        for found, place in ((together, i), (alone[i], 0)):
            assert found["generated_text"][place] == each["generated_text"], SOURCES[i]
            assert found["score"][place] == pytest.approx(each["score"], abs=1e-5)
            assert found["finished"][place] == each["finished"]
    assert together["truncated"] == [len(row) > 16 for row in writer.tokenizer.encode(SOURCES)]
    assert set(together["truncated"]) == set(together["finished"]) == {True, False}
    assert len({len(text.split()) for text in together["generated_text"]}) > 4


def test_the_graphs_answer_as_keras_does_with_beams_too(writer, writer_folder):
    runs, texts = open_saved_model(writer_folder, writer.graphs(), task=writer.task)
    assert set(runs) == {"encoder", "decoder_step"}
    found, wanted = answers(writer, runs, SOURCES), writer.predict_text(SOURCES)
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours == theirs | {"score": pytest.approx(theirs["score"], abs=1e-5)}
    assert list(texts) == [("source",)]
    given = texts["source",]({"source": np.array(SOURCES[:2], object)})
    greedy = answers(writer, runs, SOURCES[:2], num_beams=1)
    assert given["generated_text"] == [each["generated_text"] for each in greedy]
    np.testing.assert_allclose(given["score"], [each["score"] for each in greedy], atol=1e-5)


def test_signatures_take_and_give_what_they_should(loaded, writer):
    tokens, rows, vectors = ((None, None), tf.int32), ((None,), tf.int32), ((None, None, 32), tf.float32)
    source = dict.fromkeys(("input_ids", "attention_mask", "token_type_ids"), tokens)
    step = {"decoder_input_ids": rows, "decoder_position": rows, "attention_mask": tokens}
    step |= {"memory": vectors, "cache": vectors}
    logits = {"logits": ((None, writer.config.vocab_size), tf.float32), "cache_entry": ((None, 32), tf.float32)}
    text, flag = ((None,), tf.string), ((None,), tf.bool)
    written = {"generated_text": text, "score": ((None,), tf.float32), "finished": flag, "truncated": flag}
    wanted = {"encoder": (source, {"memory": vectors}), "decoder_step": (step, logits)}
    wanted |= dict.fromkeys(("translate", "serving_default"), ({"text": text}, written))
    assert set(loaded.signatures) == set(wanted)
    for name, signature in loaded.signatures.items():
        for specs, expected in zip(
            (signature.structured_input_signature[1], signature.structured_outputs), wanted[name], strict=True
        ):
            assert {key: (tuple(spec.shape), spec.dtype) for key, spec in specs.items()} == expected


def test_keras_calls_every_signature(writer, writer_folder, translate):
    """`keras.layers.TFSMLayer`, with a dict of the inputs, and with the only input itself."""
    layers = {
        name: keras.layers.TFSMLayer(str(writer_folder), call_endpoint=name) for name in ("encoder", "decoder_step")
    }
    ids = {name: tf.constant(x) for name, x in writer.tokenizer(SOURCES[:2]).items()}
    memory = layers["encoder"](ids)["memory"]
    step = {"decoder_input_ids": [2, 2], "decoder_position": [0, 0], "attention_mask": ids["attention_mask"]}
    step = {name: tf.constant(x, tf.int32) for name, x in step.items()} | {"memory": memory, "cache": memory}
    wanted = writer.parts.decoder_step(step)["logits"]
    np.testing.assert_allclose(layers["decoder_step"](step)["logits"], wanted, atol=1e-5)
    text = keras.Input((), dtype="string")
    whole = keras.Model(text, keras.layers.TFSMLayer(str(writer_folder), call_endpoint="translate")(text))
    texts = whole(tf.constant(SOURCES[:2]))["generated_text"].numpy()
    assert [text.decode() for text in texts] == translate(SOURCES[:2])["generated_text"]


def test_no_texts_and_bytes_that_are_no_utf8(translate):
    assert translate([]) == {name: [] for name in ("generated_text", "score", "finished", "truncated")}
    assert translate([b"good \xff film"]) == translate(["good \ufffd film"])


def test_byte_pairs_have_only_the_graphs(settings, tmp_path, caplog):
    encoder = small_encoder("roberta", tokenizer_of("roberta", small_vocabulary()), positions=40, pooler=False)
    model = Seq2Seq(encoder, **settings, tied_words=False)
    with caplog.at_level(logging.INFO, "kerasbert"):
        write_saved_model(model, {tmp_path / "saved_model": "none"})
    assert "no signature for texts: tensorflow-text has no bytepair tokenizer like the model's" in caplog.text
    assert "tokenise on the host and use encoder and decoder_step" in caplog.text
    assert set(tf.saved_model.load(str(tmp_path / "saved_model")).signatures) == {"encoder", "decoder_step"}
    runs, texts = open_saved_model(tmp_path / "saved_model", model.graphs(), task=model.task)
    assert texts == {}
    found, wanted = answers(model, runs, SOURCES[:3]), model.predict_text(SOURCES[:3])
    assert [each["generated_text"] for each in found] == [each["generated_text"] for each in wanted]
    scores = [[each["score"] for each in texts] for texts in (found, wanted)]
    np.testing.assert_allclose(*scores, rtol=1e-5)


def test_a_file_of_other_graphs_is_refused(writer, writer_folder):
    encoder, step = writer.graphs()
    with pytest.raises(BundleError, match=r"saved_model: not a whole SavedModel .*predict.*; export again$"):
        open_saved_model(writer_folder, [encoder], task=writer.task)
    wrong = dataclasses.replace(step, inputs=step.inputs[1:])
    with pytest.raises(BundleError, match=r"saved_model: takes .*, but kerasbert.json says "):
        open_saved_model(writer_folder, [encoder, wrong], task=writer.task)
