"""Files for MediaPipe, run by MediaPipe: the same answers as Keras on every text that its tokenizer reads alike."""

import re
from functools import cache, partial

import numpy as np
import pytest

from kerasbert import SentenceEncoder, TextClassifier
from kerasbert.decoding.labels import softmax
from kerasbert.errors import ExportError
from kerasbert.export import export_bundle, verify
from kerasbert.export.formats.mediapipe.check import READERS, check_in_mediapipe
from kerasbert.export.formats.mediapipe.device_tokenizer import read_differently
from kerasbert.export.formats.mediapipe.file import _outputs, write_mediapipe
from kerasbert.export.formats.mediapipe.metadata import CONTRACTS, INPUTS, read_metadata
from kerasbert.export.formats.settings import Settings
from kerasbert.export.formats.tflite.graph import read_graph
from kerasbert.runs.describe import describe
from kerasbert.runtime import load
from kerasbert.tasks import NAMES, task_named
from kerasbert.tasks.golden import TEXTS
from kerasbert.tasks.task import Output


@pytest.fixture(scope="module")
def trained(tiny_classifier) -> TextClassifier:
    return TextClassifier.from_pretrained(tiny_classifier)


@pytest.fixture(scope="module")
def trained_file(trained, tmp_path_factory):
    """`trained_file("int8")` -> the file of `trained` with such weights, written once."""
    return cache(lambda quantize: write(trained, tmp_path_factory.mktemp("trained"), quantize=quantize))


def write(model, folder, *, quantize: str = "none"):
    path = folder / "mediapipe.tflite"
    write_mediapipe(model, {path: quantize}, Settings(lengths=[model.max_length]))
    return path


def test_every_contract_of_a_task_is_known_and_mediapipes_own_can_be_run():
    named = {task_named(name).contract for name in NAMES} - {""}
    assert named <= CONTRACTS.keys()
    # MediaPipe has no question answerer; the Task Library has one.
    assert CONTRACTS.keys() - READERS.keys() == {"BertQuestionAnswerer"}
    assert READERS.keys() <= CONTRACTS.keys()


def test_outputs_that_a_contract_has_by_name_stay_as_they_are():
    names = ("start_logits", "end_logits")
    found = {name: np.array([[1.0, 3.0]]) for name in names}
    asked = _outputs("BertQuestionAnswerer", [Output(name, "row", "choice", 2) for name in names])
    assert asked(found) == found
    (score,) = _outputs("TextClassifier", [Output("logits", "row", "choice", 2)])(
        {"logits": found["end_logits"]}
    ).items()
    assert score[0] == "probability"
    np.testing.assert_allclose(score[1], softmax(found["end_logits"]))


def alike(model) -> list[str]:
    """The golden texts that MediaPipe reads as we do."""
    different = read_differently(model.tokenizer, TEXTS, max_length=model.max_length)
    assert len(different) < len(TEXTS) / 2
    return [text for text in TEXTS if text not in different]


def answers_to_beginnings(model, texts: list[str]) -> list:
    """Keras's answers to the first window of each text: MediaPipe cuts a longer text."""
    return [
        model.task.decode(
            each.example, each.rows[:1], {name: x[:1] for name, x in each.outputs.items()}, model.settings
        )
        for each in model.answered(model.task.examples(texts))
    ]


def scores(task, text: str) -> dict[str, float]:
    """MediaPipe's answer: label -> score."""
    (head,) = task.classify(text).classifications
    assert head.head_name == "probability"
    return {category.category_name: category.score for category in head.categories}


def test_a_classifier_answers_as_keras_does(trained, trained_file, on_device):
    task = on_device("TextClassifier", trained_file("none"))
    texts = [*alike(trained), "the film was lovely, room", "the FOOD was Awful, day"]
    for text, answer in zip(texts, answers_to_beginnings(trained, texts), strict=True):
        found = scores(task, text)
        assert set(found) == set(trained.settings.labels)
        assert max(found, key=found.get) == answer["label"]
        assert found[answer["label"]] == pytest.approx(answer["score"], abs=1e-3)


def test_a_quantised_classifier_answers_as_our_runtime_does(trained, trained_file, on_device, opened):
    path = trained_file("int8")
    task, run = on_device("TextClassifier", path), opened(path, trained, kind="mediapipe")
    for text in alike(trained):
        expected = softmax(run(trained.tokenizer([text], max_length=trained.max_length))["logits"][0])
        found = scores(task, text)
        np.testing.assert_allclose([found[label] for label in trained.settings.labels], expected, atol=1e-3)


def test_several_labels_have_independent_scores(smallest_encoder, on_device, tmp_path):
    model = TextClassifier(smallest_encoder, labels=["fun", "sad", "long"], problem_type="multi_label_classification")
    texts = alike(model)
    task = on_device("TextClassifier", write(model, tmp_path))
    for text, answer in zip(texts, answers_to_beginnings(model, texts), strict=True):
        found = scores(task, text)
        assert set(found) == {"fun", "sad", "long"}
        for each in answer:
            assert found.pop(each["label"]) == pytest.approx(each["score"], abs=1e-3)
        assert all(score < 0.501 for score in found.values())


def test_a_number_is_refused(smallest_encoder, tmp_path):
    model = TextClassifier(smallest_encoder, labels=["stars"], problem_type="regression")
    said = "MediaPipe's TextClassifier gives categories, and this model gives a number: export it without mediapipe"
    with pytest.raises(ExportError, match=f"^{said}$"):
        write(model, tmp_path)


def test_a_model_without_segments_still_has_three_inputs(fixtures, on_device, tmp_path):
    model = TextClassifier.from_pretrained(fixtures / "distilbert_classifier")
    assert "token_type_ids" not in model.encoder.input
    path = write(model, tmp_path)
    assert sorted(read_metadata(path).inputs) == sorted(device for device, _ in INPUTS.values())
    task = on_device("TextClassifier", path)
    texts = alike(model)
    for text, answer in zip(texts, answers_to_beginnings(model, texts), strict=True):
        assert scores(task, text)[answer["label"]] == pytest.approx(answer["score"], abs=1e-3)


def test_an_embedding_is_the_one_of_keras(smallest_encoder, on_device, tmp_path):
    model = SentenceEncoder(smallest_encoder)
    task = on_device("TextEmbedder", write(model, tmp_path))
    texts = alike(model)
    found = [task.embed(text).embeddings[0].embedding for text in texts]
    np.testing.assert_allclose(found, model.encode(texts), atol=1e-3)


def test_a_question_answerer_has_the_contract_of_the_task_library(answerer, opened, tmp_path):
    """MediaPipe for Python has no such task, so the file runs in LiteRT."""
    model = answerer(384)
    path = write(model, tmp_path)
    graph = read_graph(path)
    assert (graph["partitions"], graph["signatures"]) == (1, ["serving_default"])
    assert set(map(tuple, [*graph["inputs"].values(), *graph["outputs"].values()])) == {(1, 384)}
    found = read_metadata(path)
    assert sorted(found.inputs) == ["ids", "mask", "segment_ids"]
    assert sorted(found.outputs) == ["end_logits", "start_logits"]
    assert [*found.files] == ["vocab.txt"]
    texts = ["what was good"], ["the film was lovely, and the room was bad"]
    (wanted,) = model.answered(model.task.examples(*texts))
    ours = opened(path, model, kind="mediapipe")(model.tokenizer(*texts))
    for name in ("start_logits", "end_logits"):
        np.testing.assert_allclose(ours[name][0][: len(wanted.rows[0])], wanted.outputs[name][0], atol=1e-4)


def test_a_question_answerer_of_another_length_is_refused(answerer, tmp_path):
    said = (
        "the Task Library's BertQuestionAnswerer takes 384 tokens, and this model takes 32: export it with max_length"
    )
    with pytest.raises(ExportError, match=f"^{said} 384, or without mediapipe$"):
        write(answerer(32), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("quantize", ["none", "int8"])
def test_real_weights_embed_in_mediapipe_as_in_our_runtime(minilm, quantize, on_device, opened, tmp_path):
    model = SentenceEncoder.from_pretrained(minilm, max_length=64)
    path = write(model, tmp_path, quantize=quantize)
    assert read_graph(path)["partitions"] == 1
    texts = alike(model)
    assert {text for text in TEXTS if text.isascii()} <= set(texts)
    task, run = on_device("TextEmbedder", path), opened(path, model, kind="mediapipe")
    found = [task.embed(text).embeddings[0].embedding for text in texts]
    expected = [run(model.tokenizer([text], max_length=64))["embedding"][0] for text in texts]
    np.testing.assert_allclose(found, expected, atol=1e-3)
    if quantize == "none":
        np.testing.assert_allclose(found, model.encode(texts), atol=1e-3)


@pytest.mark.parametrize("quantize", ["none", "int8"])
def test_the_graph_is_one_partition(trained_file, quantize):
    graph = read_graph(trained_file(quantize))
    assert graph["partitions"] == 1
    assert set(graph["nodes_outside"]) <= {"CAST", "GATHER"}
    assert graph["signatures"] == ["serving_default"]


def test_vocabulary_and_labels_are_inside(trained, trained_file):
    files = read_metadata(trained_file("none")).files
    assert files["vocab.txt"].decode().splitlines() == trained.tokenizer.vocabulary
    assert files["labels.txt"].decode().splitlines() == list(trained.settings.labels)


def test_byte_pairs_are_refused(fixtures, tmp_path):
    model = TextClassifier.from_pretrained(fixtures / "roberta_classifier")
    with pytest.raises(ExportError, match="MediaPipe has no bytepair tokenizer, only BERT's"):
        write(model, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_label_that_takes_two_lines_is_refused(smallest_encoder, tmp_path):
    model = TextClassifier(smallest_encoder, labels=["a", "b\nc"])
    with pytest.raises(ExportError, match="one label per line"):
        write(model, tmp_path)


@pytest.fixture(scope="module")
def bundle(fixtures, tmp_path_factory):
    """A model without segments, which a file for MediaPipe has all the same, and what the gate said."""
    folder = tmp_path_factory.mktemp("mediapipe") / "bundle"
    model = TextClassifier.from_pretrained(fixtures / "distilbert_classifier")
    return model, folder, export_bundle(model, folder, formats="mediapipe", quantize="int8")


def test_a_bundle_with_a_file_for_mediapipe_passes_the_gate(bundle):
    model, _, (row,) = bundle
    assert (row.format, row.path, row.failed) == ("mediapipe-int8", "mediapipe_int8.tflite", None)
    assert row.read_differently == read_differently(model.tokenizer, TEXTS, max_length=model.max_length)
    assert row.read_differently


def test_inspect_shows_the_metadata(bundle):
    _, folder, _ = bundle
    facts = describe(folder / "mediapipe_int8.tflite")
    assert facts["min_parser_version"] == "1.1.0"
    assert facts["metadata"] == {
        "inputs": ["mask", "ids", "segment_ids"],
        "outputs": ["probability"],
        "files": ["vocab.txt", "labels.txt"],
    }


def test_export_counts_the_characters_that_the_device_misreads(smallest_encoder, tmp_path, caplog):
    write(TextClassifier(smallest_encoder, labels=["a", "b"]), tmp_path)
    (said,) = (line for line in caplog.messages if "otherwise than BERT's" in line)
    assert re.match(r"mediapipe\.tflite: MediaPipe's tokenizer reads \d+ characters otherwise .*: \d+ \w+, ", said)
    for script in ("Latin", "spaces", "marks", "invisible"):
        assert re.search(rf"\d+ {script}\b", said)


def test_our_runtime_answers_from_it_too(bundle):
    model, folder, _ = bundle
    texts = ["a lovely film", "so, so good"]
    for found, expected in zip(load(folder, file="mediapipe-int8")(texts), model.predict_text(texts), strict=True):
        assert found["label"] == expected["label"]
        assert found["score"] == pytest.approx(expected["score"], abs=0.05)  # of 8 bits


def test_verify_names_the_texts_that_the_device_reads_differently(bundle, caplog):
    _, folder, _ = bundle
    verify(folder)
    assert "mediapipe_int8.tflite: MediaPipe reads" in caplog.text
    assert "golden texts differently than BERT's tokenizer: " in caplog.text
    assert "'Café Müller, naïve façad'" in caplog.text


def test_an_answer_of_mediapipe_that_is_another_is_found(bundle, on_device):
    _, folder, _ = bundle
    path = folder / "mediapipe_int8.tflite"
    on_device("TextClassifier", path)
    ours = softmax(load(folder, file="mediapipe-int8").predict_logits(["a lovely film"])[0])
    check = partial(check_in_mediapipe, "TextClassifier", path)
    assert check({"a lovely film": ours}) == []
    (wrong,) = check({"a lovely film": ours + np.float32([0.1, 0, 0])})
    assert wrong.startswith("MediaPipe's answers differ by 0.1, 0.001 allowed")


def test_a_file_that_mediapipe_refuses_is_said_so(bundle, on_device, tmp_path):
    _, folder, _ = bundle
    path = folder / "mediapipe_int8.tflite"
    on_device("TextClassifier", path)
    (tmp_path / "bare.tflite").write_bytes(path.read_bytes().replace(b"TFLITE_METADATA", b"SOME_OTHER_DATA"))
    (wrong,) = check_in_mediapipe("TextClassifier", tmp_path / "bare.tflite", {"a": np.zeros(3, "float32")})
    assert wrong.startswith("MediaPipe does not take the file (")
