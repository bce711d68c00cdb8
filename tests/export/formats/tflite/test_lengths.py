"""Signatures of several lengths in one `.tflite` file: the same answers, and the shortest that holds a text."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from kerasbert import TextClassifier
from kerasbert.errors import ExportError
from kerasbert.export.bundle import export_bundle
from kerasbert.export.formats.settings import Settings, signature_lengths
from kerasbert.export.formats.tflite.entries import open_model
from kerasbert.export.formats.tflite.file import write_tflite


@pytest.fixture(scope="module")
def model(tiny_classifier):
    return TextClassifier.from_pretrained(tiny_classifier)


@pytest.fixture(scope="module")
def several(model, tmp_path_factory):
    """float32 and int8 with lengths 8, 16 and 32, and float32 with 32 alone."""
    folder = tmp_path_factory.mktemp("lengths")
    write_tflite(
        model, {folder / "none.tflite": "none", folder / "int8.tflite": "int8"}, Settings(lengths=[16, 8, 32, 16])
    )
    write_tflite(model, {folder / "one.tflite": "none"}, Settings(lengths=[32]))
    return folder


def test_signatures_share_the_weights_and_their_scales(several):
    model = open_model((several / "int8.tflite").read_bytes())
    places = []
    for graph in map(model.Subgraphs, range(model.SubgraphsLength())):
        tensors = [graph.Tensors(number) for number in range(graph.TensorsLength())]
        by_channel = [tensor for tensor in tensors if tensor.Quantization() and tensor.Quantization().ScaleLength() > 1]
        places.append({(tensor.Buffer(), tensor.Quantization()._tab.Pos) for tensor in by_channel})
    assert len(places) == 3
    assert len(places[0]) > 5
    assert places[1:] == places[:-1]


def row(model, words: int) -> dict:
    return model.tokenizer([" ".join(["good"] * words)], max_length=32)


def test_the_longest_is_the_default(several):
    interpreter = Interpreter(model_path=str(several / "none.tflite"))
    assert sorted(interpreter.get_signature_list()) == ["serving_default", "tokens_16", "tokens_8"]
    # And what an app gets that knows no signatures.
    assert [detail["shape"].tolist() for detail in interpreter.get_input_details()] == [[1, 32]] * 3


@pytest.mark.parametrize("words", [0, 1, 5, 6, 7, 13, 14, 15, 29, 30])
def test_at_every_border_the_answer_is_keras_s(model, several, opened, words):
    """6 words and two special tokens fill a signature of 8, 7 words need the next."""
    batch = row(model, words)
    wanted = model.predict_on_batch({name: batch[name] for name in model.encoder.input})
    np.testing.assert_allclose(opened(several / "none.tflite", model)(batch)["logits"], wanted, atol=1e-5)
    assert (opened(several / "int8.tflite", model)(batch)["logits"].argmax(-1) == wanted.argmax(-1)).all()


@pytest.mark.parametrize(("words", "wanted"), [(6, "tokens_8"), (7, "tokens_16"), (14, "tokens_16"), (15, None)])
def test_the_shortest_that_holds_the_text_runs(model, several, opened, words, wanted, monkeypatch):
    asked = []
    get = Interpreter.get_signature_runner

    def watched(self, name):
        runner = get(self, name)

        class Watched:
            get_input_details, get_output_details = runner.get_input_details, runner.get_output_details

            def __call__(self, **inputs):
                asked.append(name)
                return runner(**inputs)

        return Watched()

    monkeypatch.setattr(Interpreter, "get_signature_runner", watched)
    batch = row(model, words)
    padded = {name: np.pad(values, ((0, 0), (0, 32 - values.shape[1]))) for name, values in batch.items()}
    run = opened(several / "none.tflite", model)
    run(batch)
    run(padded)  # what counts is the text, not what pads it
    assert asked == [wanted or "serving_default"] * 2


def test_more_lengths_share_the_weights(model, several):
    three, one = ((several / name).stat().st_size for name in ("none.tflite", "one.tflite"))
    assert three - one < 4 * model.count_params()  # two graphs more, which cost the same for a model of any size


def test_lengths_that_are_usual_and_that_cannot_be(model, tmp_path):
    assert signature_lengths(None, 128) == [16, 32, 64, 128]
    assert signature_lengths(None, 100) == [16, 32, 64, 100]
    assert signature_lengths(None, 12) == [12]
    assert signature_lengths(None, 128, parameters=335_000_000) == [32, 128]
    assert signature_lengths(None, 384, parameters=335_000_000) == [32, 128, 384]
    assert signature_lengths([64, 24], 100) == [24, 64, 100]
    with pytest.raises(ExportError, match="sequence_lengths: 64 is not from 3 to 32, the model's max_length"):
        export_bundle(model, tmp_path / "out", sequence_lengths=[64])
