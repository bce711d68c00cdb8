"""TFLite Metadata: what is written, that it is read back, and that the model around it stays as it was."""

import io
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from kerasbert.errors import BundleError, ExportError
from kerasbert.export.formats.mediapipe.metadata import CONTRACTS, INPUTS, Metadata, read_metadata, with_metadata
from kerasbert.quiet import quiet

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "##ness"]
LABELS = ["bad", "good"]


def convert(outputs, *, lengths=(8,), names=tuple(INPUTS), dtype=tf.int32) -> bytes:
    """A `.tflite` file of `outputs(inputs)`, with a signature a length and weights to be kept."""
    module = tf.Module()
    module.table = tf.Variable(np.random.default_rng(0).normal(size=(40, 33)).astype("float32"))

    def answer(inputs):
        total = tf.add_n([tf.cast(x, tf.float32) for x in inputs.values()])
        return outputs(total + tf.gather(module.table, tf.zeros_like(total, tf.int32))[..., 3])

    signatures = {
        f"length_{length}": tf.function(
            answer, input_signature=[{name: tf.TensorSpec((1, length), dtype, name=name) for name in names}]
        )
        for length in lengths
    }
    with quiet():
        return from_saved_model(module, signatures)


def from_saved_model(module, signatures) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=signatures)
        return tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(signatures)).convert()


@pytest.fixture(scope="module")
def classifier() -> bytes:
    return convert(lambda x: {"probability": tf.nn.softmax(x[:, :2])})


@pytest.fixture(scope="module")
def written(classifier) -> bytes:
    return with_metadata(
        classifier,
        Metadata(contract="TextClassifier", vocabulary=VOCABULARY, labels=LABELS, name="Mood", description="…"),
    )


@pytest.fixture(scope="module")
def span_head() -> bytes:
    """Random weights on 384 places; the outputs are converted in an order of their own."""
    return convert(lambda x: {"start_logits": 2 * x, "end_logits": 3 * x}, lengths=(384,))


def answer(model: bytes, **inputs) -> dict:
    interpreter = Interpreter(model_content=model)
    return interpreter.get_signature_runner(next(iter(interpreter.get_signature_list())))(**inputs)


def ones(length: int) -> dict:
    return {name: np.full((1, length), index, "int32") for index, name in enumerate(INPUTS)}


def test_what_was_written_is_read_back(written, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(written)
    found = read_metadata(path)
    assert found == read_metadata(written)
    assert (found.name, found.description, found.min_parser_version) == ("Mood", "…", "1.1.0")
    assert sorted(found.inputs) == ["ids", "mask", "segment_ids"]
    assert found.outputs == ["probability"]
    assert found.files == {
        "vocab.txt": "".join(f"{piece}\n" for piece in VOCABULARY).encode(),
        "labels.txt": b"bad\ngood\n",
    }


def test_a_file_without_metadata_has_none(classifier):
    assert read_metadata(classifier) is None


def test_inputs_are_named_in_the_order_of_the_graph(written):
    interpreter = Interpreter(model_content=written)
    tensors = [tensor["name"] for tensor in interpreter.get_input_details()]
    ours = {name: device for name, (device, _) in INPUTS.items()}
    assert read_metadata(written).inputs == [ours[name.removeprefix("length_8_")[:-2]] for name in tensors]


def test_outputs_are_named_in_the_order_of_the_graph(span_head):
    model = with_metadata(span_head, Metadata(contract="BertQuestionAnswerer", vocabulary=VOCABULARY))
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    for tensor in interpreter.get_input_details():
        interpreter.set_tensor(tensor["index"], np.ones((1, 384), "int32"))
    interpreter.invoke()
    by_name = {
        name: interpreter.get_tensor(tensor["index"])
        for name, tensor in zip(read_metadata(model).outputs, interpreter.get_output_details(), strict=True)
    }
    assert set(by_name) == {"end_logits", "start_logits"}
    np.testing.assert_allclose(2 * by_name["end_logits"], 3 * by_name["start_logits"], rtol=1e-5)


def test_official_bindings_read_every_field(written, span_head):
    official = pytest.importorskip("mediapipe.tasks.metadata.metadata_schema_py_generated")
    root = schema.Model.GetRootAs(written)
    entries = {root.Metadata(i).Name(): root.Metadata(i).Buffer() for i in range(root.MetadataLength())}
    content = root.Buffers(entries[b"TFLITE_METADATA"]).DataAsNumpy().tobytes()
    assert official.ModelMetadata.ModelMetadataBufferHasIdentifier(content, 0)
    model = official.ModelMetadataT.InitFromPackedBuf(content)
    assert (model.name, model.minParserVersion) == (b"Mood", b"1.1.0")
    (graph,) = model.subgraphMetadata
    assert [tensor.name.decode() for tensor in graph.inputTensorMetadata] == read_metadata(written).inputs
    for tensor in (*graph.inputTensorMetadata, *graph.outputTensorMetadata):
        assert tensor.description
        assert tensor.content.contentPropertiesType == official.ContentProperties.FeatureProperties
    (output,) = graph.outputTensorMetadata
    (labels,) = output.associatedFiles
    assert (output.name, labels.name) == (b"probability", b"labels.txt")
    assert labels.type == official.AssociatedFileType.TENSOR_AXIS_LABELS
    (unit,) = graph.inputProcessUnits
    assert unit.optionsType == official.ProcessUnitOptions.BertTokenizerOptions
    (vocabulary,) = unit.options.vocabFile
    assert (vocabulary.name, vocabulary.type) == (b"vocab.txt", official.AssociatedFileType.VOCABULARY)


def test_files_lie_uncompressed_where_any_zip_reader_finds_them(written):
    with zipfile.ZipFile(io.BytesIO(written)) as archive:
        for info in archive.infolist():
            assert info.compress_type == zipfile.ZIP_STORED
            assert written[info.header_offset : info.header_offset + 4] == b"PK\x03\x04"
        assert archive.testzip() is None


def test_equal_input_gives_equal_bytes(classifier, written):
    metadata = Metadata(contract="TextClassifier", vocabulary=VOCABULARY, labels=LABELS, name="Mood", description="…")
    assert with_metadata(classifier, metadata) == written


def test_the_model_is_left_as_it_was(classifier, written):
    np.testing.assert_array_equal(
        answer(written, **ones(8))["probability"], answer(classifier, **ones(8))["probability"]
    )
    before, after = schema.Model.GetRootAs(classifier), schema.Model.GetRootAs(written)
    assert schema.Model.ModelBufferHasIdentifier(written, 0)
    assert (after.Version(), after.Description()) == (before.Version(), before.Description())
    assert after.BuffersLength() == before.BuffersLength() + 1
    names = [before.Metadata(i).Name() for i in range(before.MetadataLength())]
    assert [after.Metadata(i).Name() for i in range(after.MetadataLength())] == [*names, b"TFLITE_METADATA"]
    for index in range(before.BuffersLength()):
        old, new = before.Buffers(index), after.Buffers(index)
        assert old.DataLength() == new.DataLength()
        if old.DataLength():
            assert old.DataAsNumpy().tobytes() == new.DataAsNumpy().tobytes()
            assert place(new) % 16 == 0  # which the CPU kernels count on
    assert place(after.Buffers(after.BuffersLength() - 1)) % 16 == 0


def place(buffer) -> int:
    """The first byte of a buffer's data in the file."""
    return buffer._tab.Vector(buffer._tab.Offset(4))


@pytest.mark.parametrize("name", CONTRACTS)
def test_each_task_names_its_outputs(name):
    contract = CONTRACTS[name]
    model = convert(lambda x: {name: 1.0 * n * x for n, name in enumerate(contract.outputs, 1)}, lengths=(384,))
    labels = [f"label {i}" for i in range(384)] if contract.labelled else []
    found = read_metadata(with_metadata(model, Metadata(contract=name, vocabulary=VOCABULARY, labels=labels)))
    assert sorted(found.outputs) == sorted(contract.outputs)
    assert ("labels.txt" in found.files) == bool(contract.labelled)


def refusal(model: bytes, **changes) -> str:
    """The error's text, which must be one line."""
    settings = {"contract": "TextClassifier", "vocabulary": VOCABULARY, "labels": LABELS, **changes}
    with pytest.raises(ExportError) as caught:
        with_metadata(model, Metadata(**settings))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_several_graphs_are_refused():
    model = convert(lambda x: {"probability": x[:, :2]}, lengths=(8, 16))
    assert "has 2 graphs, but MediaPipe takes one: export a single length" in refusal(model)


def test_strange_inputs_are_named():
    model = convert(lambda x: {"probability": x[:, :2]}, names=("input_ids", "attention_mask", "other"))
    assert "has the inputs attention_mask, input_ids, other;" in refusal(model)


def test_a_missing_input_is_named():
    model = convert(lambda x: {"probability": x[:, :2]}, names=("input_ids", "attention_mask"))
    assert "a TextClassifier file has input_ids, token_type_ids, attention_mask" in refusal(model)


def test_strange_outputs_are_named(classifier):
    assert "has the outputs probability; a TextEmbedder file has embedding" in refusal(
        classifier, contract="TextEmbedder", labels=()
    )


def test_wide_inputs_are_refused():
    model = convert(lambda x: {"probability": x[:, :2]}, dtype=tf.int64)
    assert "is INT64, but MediaPipe takes INT32" in refusal(model)


def test_outputs_that_are_no_floats_are_refused():
    model = convert(lambda x: {"probability": tf.cast(x[:, :2], tf.int32)})
    assert "probability is INT32, but MediaPipe takes FLOAT32" in refusal(model)


@pytest.mark.parametrize(
    ("contract", "labels", "message"),
    [
        ("TextClassifier", ["one"], "1 labels are given, but the model has 2 scores"),
        ("TextClassifier", [], "0 labels are given, but the model has 2 scores"),
        ("TextClassifier", ["a", "b\nc"], r"the label 'b\nc' cannot stand in a file with one label per line"),
        ("TextClassifier", ["a", ""], "the label '' cannot stand"),
        ("Summarizer", [], "no metadata is known for the contract 'Summarizer': use one of TextClassifier,"),
    ],
)
def test_metadata_that_do_not_fit_are_refused(classifier, contract, labels, message):
    assert message in refusal(classifier, contract=contract, labels=labels)


def test_question_answering_has_one_length():
    model = convert(lambda x: {"start_logits": 2 * x, "end_logits": 3 * x}, lengths=(128,))
    message = refusal(model, contract="BertQuestionAnswerer", labels=())
    assert "has the shape [1, 128], but [1, 384] is wanted" in message


def test_labels_without_scores_are_refused(span_head):
    assert "2 labels are given, but the model has 0 scores" in refusal(span_head, contract="BertQuestionAnswerer")


def test_metadata_are_not_written_twice(written):
    assert "has metadata already" in refusal(written)


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\xff\xff\xff\xffTFL3" + bytes(64)])
def test_what_is_no_model_is_refused(content, file):
    assert "no whole TFLite model to write metadata into" in refusal(content)
    path = file("model.tflite", content)
    with pytest.raises(BundleError, match=r"model\.tflite: no TFLite model"):
        read_metadata(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BundleError, match=r"absent\.tflite: cannot be read \(No such file"):
        read_metadata(tmp_path / "absent.tflite")


def test_a_cut_file_is_no_crash(written):
    """Wherever it is cut: half a model, or no list of the files behind it."""
    for end in (100, len(written) // 2, len(written) - 1):
        with pytest.raises(BundleError, match="export again"):
            read_metadata(written[:end])
