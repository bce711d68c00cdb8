"""The requests that TensorFlow Serving warms up with: its own classes would write them so, and they are answered."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework.tensor_pb2 import TensorProto

from kerasbert import SentenceEncoder
from kerasbert.export.formats.saved_model.file import write_saved_model
from kerasbert.export.formats.saved_model.serving_requests import FILE, prediction_log

MESSAGES = {
    "PredictionLog": {"predict_log": (6, "PredictLog")},
    "PredictLog": {"request": (1, "PredictRequest")},
    "PredictRequest": {"model_spec": (1, "ModelSpec"), "inputs": (2, "Entry")},
    "ModelSpec": {"signature_name": (3, str)},
    "Entry": {"key": (1, str), "value": (2, bytes)},  # of a map; the value is a TensorProto
}
"""Message -> field -> number and type, as far as the requests need them."""


@pytest.fixture(scope="module")
def read():
    """`read(file)` -> the records, and for each its signature and its inputs by name."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="serving.proto", package="serving", syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for key, (number, kind) in fields.items():
            label = field.LABEL_REPEATED if kind == "Entry" else field.LABEL_OPTIONAL
            entry = message.field.add(name=key, number=number, label=label)
            if isinstance(kind, str):
                entry.type, entry.type_name = field.TYPE_MESSAGE, f".serving.{kind}"
            else:
                entry.type = field.TYPE_STRING if kind is str else field.TYPE_BYTES
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    log = message_factory.GetMessageClass(pool.FindMessageTypeByName("serving.PredictionLog"))

    def read(path) -> list[tuple[bytes, str, dict[str, np.ndarray]]]:
        found = []
        for record in tf.data.TFRecordDataset([str(path)]).as_numpy_iterator():
            request = log.FromString(record).predict_log.request
            inputs = {entry.key: tf.make_ndarray(TensorProto.FromString(entry.value)) for entry in request.inputs}
            found.append((record, request.model_spec.signature_name, inputs))
        return found

    return read


def decoded(texts: np.ndarray) -> list[str]:
    return [text.decode() for text in texts]


def test_the_bytes_are_those_of_servings_own_classes(read, fixtures):
    """Recorded by tests/parity/record_serving.py."""
    recorded = read(fixtures / "serving.tfrecord")
    assert [signature for _, signature, _ in recorded] == ["classify", "classify_pair", "predict"]
    for record, signature, inputs in recorded:
        assert prediction_log(signature, inputs) == record


def test_every_signature_is_asked_at_several_sizes_and_answers_as_keras(read, exported, loaded):
    model, bundle = exported("bert").model, exported("bert").bundle
    sizes = {name: set() for name in loaded.signatures}
    for _, name, inputs in read(bundle / "saved_model" / FILE):
        logits = loaded.signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})["logits"]
        if name == "predict":
            wanted = model.predict(inputs, verbose=0)
            sizes[name].add(inputs["input_ids"].shape)
        else:
            texts = decoded(inputs["text"])
            wanted = model.predict_logits(texts, decoded(inputs["text_pair"]) if "text_pair" in inputs else None)
            sizes[name].add((len(texts), min(len(texts[0]), 100)))
        np.testing.assert_allclose(logits, wanted, atol=1e-4)
    assert {rows for rows, _ in sizes["predict"]} == {1, 8}
    assert max(length for _, length in sizes["predict"]) == model.max_length
    assert {len(found) for found in sizes.values()} == {3}


def test_an_encoder_embeds(read, tiny_bert, tmp_path):
    model = SentenceEncoder.from_pretrained(tiny_bert, max_length=16)
    write_saved_model(model, {tmp_path / "saved_model": "none"})
    signatures = tf.saved_model.load(str(tmp_path / "saved_model")).signatures
    assert set(signatures) == {"embed", "embed_pair", "predict", "serving_default"}
    for _, name, inputs in read(tmp_path / "saved_model" / FILE):
        given = signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
        assert set(given) == {"embedding"}
        if name != "predict":
            texts = decoded(inputs["text"])
            wanted = model.encode(texts, decoded(inputs["text_pair"]) if "text_pair" in inputs else None)
            np.testing.assert_allclose(given["embedding"], wanted, atol=1e-5)


def test_byte_pairs_are_asked_as_ids(read, exported):
    saved_model = exported("roberta").bundle / "saved_model"
    asked = read(saved_model / FILE)
    assert {name for _, name, _ in asked} == {"predict", "serving_default"}
    assert all(set(inputs) == {"input_ids", "attention_mask"} for _, _, inputs in asked)


def test_a_model_that_writes_is_asked_for_texts_and_for_one_step(read, writer, writer_folder):
    signatures = tf.saved_model.load(str(writer_folder)).signatures
    asked = read(writer_folder / FILE)
    names = [name for _, name, _ in asked]
    assert {name: names.count(name) for name in signatures} == {
        **dict.fromkeys(("encoder", "translate", "serving_default"), 3),
        "decoder_step": 1,
    }
    for _, name, inputs in asked:
        given = signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
        assert {len(each) for each in given.values()} == {len(next(iter(inputs.values())))}
    longest = max(inputs["input_ids"].shape[1] for _, name, inputs in asked if name == "encoder")
    assert longest == writer.max_length
