"""A BiLSTM on the encoder beside a number: the same answers from Keras, all formats and the runtime."""

import json

import numpy as np
import pytest
from combined import LABELS, PRICES, TEXTS, bilstm

from kerasbert.errors import BundleError, ExportError, TokenizerError
from kerasbert.export import export_bundle, verify
from kerasbert.export.formats.saved_model.signatures import read_signatures
from kerasbert.export.gate.opening import open_any
from kerasbert.runtime import load
from kerasbert.runtime.manifest import NAME, Manifest, rehash

LONG = TEXTS + [f"{text} {text}, {text}" for text in TEXTS]
NUMBERS = PRICES + [price / 3 for price in PRICES]


@pytest.fixture(scope="module")
def model(tiny_bert):
    """With some training, so that neither texts nor numbers are beside the point."""
    model = bilstm(tiny_bert)
    model.compile("adam")
    model.fit({"text": LONG, "price": NUMBERS}, LABELS * 2, epochs=5, batch_size=5, verbose=0)
    return model


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    """A bundle of it and what the gate said."""
    folder = tmp_path_factory.mktemp("combined")
    data = folder / "data.csv"
    rows = zip(LONG, NUMBERS, LABELS * 2, strict=True)
    data.write_text("\n".join(["text,price,label", *(f'"{t}",{p},{label}' for t, p, label in rows)]), encoding="utf-8")
    rows = export_bundle(model, folder / "bundle", sequence_lengths=[8], data=data)
    return folder / "bundle", rows


@pytest.mark.slow
def test_every_file_passes_the_gate_and_float32_files_are_within_the_bar(exported, model):
    folder, rows = exported
    formats = ["tflite", "onnx", "saved_model", "tflite-int8", "onnx-int8"]
    assert {row.format: row.failed for row in rows} == dict.fromkeys(formats)
    wanted = model.predict({"text": LONG, "price": NUMBERS}, verbose=0)
    assert np.ptp(wanted) > 0.1
    for name in formats[:3]:
        found = open_any(folder, name).pipeline.predict_logits(LONG, price=NUMBERS)
        np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert not any(row.failed for row in verify(folder))


@pytest.mark.slow
def test_kerasbert_json_says_what_the_number_is(exported):
    manifest = Manifest.read(exported[0])
    (graph,) = manifest.graphs
    assert [(each.name, each.axis, each.width) for each in graph.inputs][-1] == ("price", "number", 1)
    assert manifest.definition.fields[-1].kind == "number"
    golden = json.loads((exported[0] / "golden.json").read_text(encoding="utf-8"))
    assert len({each["example"]["price"] for each in golden}) > 1
    assert "No programs" in (exported[0] / "report.html").read_text(encoding="utf-8")
    signatures = read_signatures(exported[0] / "saved_model")
    assert signatures["classify"]["inputs"] == ["price", "text"]
    assert signatures["classify_pair"]["inputs"] == ["price", "text", "text_pair"]


@pytest.mark.slow
@pytest.mark.parametrize("file", ["tflite", "onnx"])
def test_the_runtime_answers_with_the_number_by_name(exported, model, file):
    classify = load(exported[0], file=file)
    (wanted,) = model.predict_text("a kind film", price=3.5)
    found = classify("a kind film", price=3.5)
    assert (found["label"], found["score"]) == (wanted["label"], pytest.approx(wanted["score"], abs=1e-4))
    assert classify(["a kind film"], price=np.array([[3.5]]))[0] == found
    assert classify("a kind film", price=-9)["score"] != pytest.approx(found["score"], abs=1e-3)
    with pytest.raises(TokenizerError, match=r"^text-classification needs price$"):
        classify("a kind film")


@pytest.mark.slow
def test_the_command_line_reads_the_number_from_a_column(exported, run, file):
    data = file("data.csv", "text,price,label\na kind film,3.5,good\nbad,-1,bad\n")
    done = run("predict", exported[0], "--input", data)
    assert done.exit_code == 0, done.stderr
    assert [json.loads(line)["price"] for line in done.stdout.splitlines()] == [3.5, -1.0]
    done = run("evaluate", exported[0], "--data", data, "--json")
    assert json.loads(done.stdout)["texts"] == 2
    done = run("predict", exported[0], "a kind film")
    assert done.exit_code == 2
    assert "takes a number for price: give --input FILE" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value"), [("width", 0), ("width", -1), ("axis", "row")])
def test_a_damaged_input_is_refused(exported, tmp_path, name, value):
    content = json.loads((exported[0] / NAME).read_text(encoding="utf-8"))
    content["graphs"][0]["inputs"][-1][name] = value
    (tmp_path / NAME).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(BundleError, match="not readable as a bundle's description"):
        rehash(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"formats": "mediapipe"}, r"^mediapipe: takes texts alone, and this model also takes price; leave it out$"),
        (
            {"formats": "tflite-text"},
            r"^tflite-text: takes texts alone, and this model also takes price; leave it out$",
        ),
        ({"web": True}, r"^web: takes texts alone, and this model also takes price; leave it out$"),
        ({"trainable_head": True}, r"^text-classification: has no head to learn on the device; leave trainable_head"),
    ],
)
def test_what_takes_texts_alone_is_refused_before_any_work(tiny_bert, tmp_path, options, message):
    with pytest.raises(ExportError, match=message):
        export_bundle(bilstm(tiny_bert), tmp_path / "bundle", **options)
    assert not list(tmp_path.iterdir())
