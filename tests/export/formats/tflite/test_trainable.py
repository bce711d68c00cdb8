"""The head that learns on the device: it takes the very steps that Keras takes, and what it learned is kept."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from kerasbert import BertEncoder
from kerasbert.export import export_bundle
from kerasbert.export.formats.settings import Settings
from kerasbert.export.formats.tflite.entries import entry, open_model
from kerasbert.export.formats.tflite.trainable import LOSSES, MOMENTUM, foreign_operations, write_trainable
from kerasbert.export.report.page import NAME as REPORT
from kerasbert.export.report.snippets import snippets
from kerasbert.models.text_classification import TextClassifier
from kerasbert.runtime import load
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks.text_classification import BARS
from kerasbert.training.losses import USUAL

LESSONS = [("a dog", 0), ("two cats and a mouse", 1), ("", 2), ("a dog", 0), ("no, no", 1), ("a dog " * 20, 2)]
RATE = np.float32(0.02)
NOTHING = np.zeros(1, "int32")


@pytest.fixture(scope="module")
def model(fixtures) -> TextClassifier:
    return TextClassifier.from_pretrained(fixtures / "roberta_classifier")


@pytest.fixture(scope="module")
def bundle(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trainable") / "bundle"
    rows = export_bundle(model, folder, formats="onnx", trainable_head=True)
    assert {row.format: row.failed for row in rows} == dict.fromkeys(
        ("onnx", "onnx-int8", "tflite-trainable", "tflite-trainable-int8")
    )
    return folder


@pytest.fixture
def opened(bundle):
    """`opened("tflite-trainable")` -> its four signatures, as if the app had just been started."""

    def open_file(name: str, kernels=OpResolverType.AUTO) -> list:
        path = bundle / Manifest.read(bundle).files[name].path
        interpreter = Interpreter(str(path), experimental_op_resolver_type=kernels)
        return [interpreter.get_signature_runner(each) for each in ("infer", "train", "save", "load")]

    return open_file


def inputs_of(model, text: str) -> dict:
    batch = {name: np.zeros((1, model.max_length), "int32") for name in model.encoder.input}
    batch["input_ids"][:] = model.config.pad_token_id
    for name, values in model.tokenizer([text], max_length=model.max_length).items():
        if name in batch:
            batch[name][0, : values.shape[1]] = values[0]
    return batch


def keras_loss(problem_type: str):
    """The usual loss of such a classifier."""
    return USUAL[BARS[problem_type]][0]("sum_over_batch_size")


def learn(train, model, lessons) -> list[float]:
    """The losses, from before each lesson."""
    return [
        float(train(**inputs_of(model, text), label=np.array([label], "int32"), learning_rate=RATE)["loss"][0])
        for text, label in lessons
    ]


def test_before_any_lesson_it_answers_as_keras(opened, model):
    infer, *_ = opened("tflite-trainable")
    for text, _ in LESSONS:
        answer = infer(**inputs_of(model, text))
        np.testing.assert_allclose(answer["logits"], model.predict_logits([text]), atol=1e-5)
        np.testing.assert_allclose(answer["scores"].sum(), 1, atol=1e-5)


@pytest.mark.parametrize("kernels", [OpResolverType.AUTO, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES])
def test_its_steps_are_those_of_keras(opened, model, kernels):
    """With and without the CPU's delegate, which takes no part of a step in TFLite 2.14 to 2.17."""
    _, train, save, _ = opened("tflite-trainable", kernels)
    head = model.get_layer("classifier")
    pooled = keras.Model(model.input, head.input)
    dense = keras.layers.Dense(len(model.settings.labels))
    dense.build((None, model.config.hidden_size))
    dense.set_weights([weight.numpy() for weight in head.dense.weights])
    optimizer = keras.optimizers.SGD(float(RATE), momentum=MOMENTUM)
    wanted = []
    for text, label in LESSONS * 2:
        x = head.hidden(pooled(inputs_of(model, text)))
        with tf.GradientTape() as tape:
            loss = keras_loss(model.settings.problem_type)(np.array([label]), dense(x))
        optimizer.apply(tape.gradient(loss, dense.trainable_variables), dense.trainable_variables)
        wanted.append(float(loss))
    found = learn(train, model, LESSONS * 2)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    learned = save(nothing=NOTHING)
    for name, weight in zip(("kernel", "bias"), dense.weights, strict=True):
        np.testing.assert_allclose(learned[name], weight.numpy(), atol=1e-4)


@pytest.mark.parametrize("name", ["tflite-trainable", "tflite-trainable-int8"])
def test_it_learns_and_another_session_goes_on_from_what_was_saved(opened, model, name):
    infer, train, save, _ = opened(name)
    losses = learn(train, model, [("a dog", 0), ("", 2)] * 12)  # the two that its random encoder tells apart
    assert sum(losses[-2:]) < 0.5 * sum(losses[:2])
    infer_again, _, _, load_again = opened(name)
    load_again(**save(nothing=NOTHING))
    for text, _ in LESSONS:
        text = inputs_of(model, text)
        np.testing.assert_array_equal(infer_again(**text)["logits"], infer(**text)["logits"])


@pytest.mark.parametrize(("problem_type", "bar"), BARS.items())
def test_losses_and_gradients_are_those_of_keras(problem_type, bar):
    logits = tf.Variable([[0.3, -2.0, 40.0]] if problem_type != "regression" else [[0.3]])
    label = {"single_label_classification": [1], "multi_label_classification": [[1.0, 1.0, 0.0]], "regression": [[2.0]]}
    label = tf.constant(label[problem_type])
    with tf.GradientTape() as tape:
        wanted = keras_loss(problem_type)(label, logits)
    label_type, loss_of = LOSSES[bar]
    loss, gradient = loss_of(logits, label)
    assert label.dtype == label_type
    assert float(loss) == pytest.approx(float(wanted), rel=1e-5)
    np.testing.assert_allclose(gradient, tape.gradient(wanted, logits), atol=1e-6)


@pytest.mark.parametrize(
    ("problem_type", "labels", "label"),
    [
        ("single_label_classification", ["bad", "good"], np.int32([1])),
        ("multi_label_classification", ["a", "b", "c"], np.float32([[1, 0, 1]])),
        ("regression", ["stars"], np.float32([[2]])),
    ],
)
def test_a_bert_learns_labels_of_every_kind(fixtures, tmp_path, problem_type, labels, label):
    """One step, by the file and by Keras, of a head without a hidden layer."""
    encoder = BertEncoder.from_pretrained(fixtures / "bert")
    model = TextClassifier(encoder, labels=labels, problem_type=problem_type, max_length=16)
    write_trainable(model, {tmp_path / "model.tflite": "none"}, Settings(lengths=[16]))
    interpreter = Interpreter(str(tmp_path / "model.tflite"))
    train, save = (interpreter.get_signature_runner(name) for name in ("train", "save"))
    inputs, weights = inputs_of(model, "a dog"), model.get_layer("classifier").dense.trainable_variables
    with tf.GradientTape() as tape:
        wanted = keras_loss(problem_type)(label, model(inputs, training=False))
    slopes = tape.gradient(wanted, weights)
    loss = train(**inputs, label=label, learning_rate=RATE)["loss"]
    assert float(loss[0]) == pytest.approx(float(wanted), abs=1e-4)
    for learned, weight, slope in zip(("kernel", "bias"), weights, slopes, strict=True):
        np.testing.assert_allclose(save(nothing=NOTHING)[learned], weight.numpy() - RATE * slope.numpy(), atol=1e-5)


@pytest.mark.parametrize("legacy_runtime", [False, True])
def test_eight_bits_for_old_runtimes(model, tmp_path, legacy_runtime):
    write_trainable(model, {tmp_path / "model.tflite": "int8"}, Settings(lengths=[16], legacy_runtime=legacy_runtime))
    needed = entry(open_model((tmp_path / "model.tflite").read_bytes()), "min_runtime_version")
    assert (int(needed.split(b".")[1]) < 17) == legacy_runtime


def test_twelve_steps_are_numpys_in_the_interpreter_and_in_compiled_model(tiny_bert, tmp_path):
    """By the script that measures other runtimes: with the CPU's delegate, without it, and in `CompiledModel`."""
    path = Path(__file__).parents[3] / "bench" / "runtimes.py"
    script = module_from_spec(spec := spec_from_file_location("runtimes", path))
    spec.loader.exec_module(script)
    model = TextClassifier.from_pretrained(tiny_bert, labels=["a", "b", "c"], max_length=script.LENGTH)
    write_trainable(model, {tmp_path / "model.tflite": "none"}, Settings(lengths=[script.LENGTH]))
    script.save(tmp_path / "model.tflite", script.lessons(model), limit=1e-4)
    found = subprocess.run([sys.executable, path, "run", tmp_path], capture_output=True, text=True, check=True).stdout
    differences = found.split()[1:]
    assert len(differences) == 3
    assert max(map(float, differences)) < 1e-4  # one above the limit has a "!" behind it


def test_only_operations_that_are_built_in(bundle):
    for file in ("model_trainable.tflite", "model_trainable_int8.tflite"):
        assert foreign_operations((bundle / file).read_bytes()) == []
    function = tf.function(tf.math.erfc, input_signature=[tf.TensorSpec((1,))])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    converter.allow_custom_ops = True
    assert foreign_operations(converter.convert()) == ["Erfc"]


def test_eight_bits_are_smaller(bundle):
    whole, small = ((bundle / f"model_trainable{kind}.tflite").stat().st_size for kind in ("", "_int8"))
    assert small < 0.75 * whole


def test_the_runtime_takes_it_only_if_it_is_named(bundle, model):
    assert load(bundle)("a dog") == load(bundle, file="onnx")("a dog")
    answer = load(bundle, file="tflite-trainable")(["a dog", "a cat"])
    for found, wanted in zip(answer, model.predict_text(["a dog", "a cat"]), strict=True):
        assert found == {"label": wanted["label"], "score": pytest.approx(wanted["score"], abs=1e-5)}


def test_the_reports_programs_teach_it(bundle, capsys, monkeypatch):
    monkeypatch.chdir(bundle)
    manifest = Manifest.read(bundle)
    programs = {s.language: s.code for s in snippets(bundle, manifest) if s.title == "LiteRT, learning"}
    assert set(programs) == {"python", "kotlin"}
    exec(compile(programs["python"], REPORT, "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 7
    assert (bundle / "head.npz").exists()
    assert f'"input_ids" to IntArray({manifest.lengths[-1]}) {{ ids.getOrElse(it)' in programs["kotlin"]


def test_a_task_without_a_head_is_refused_at_once(run, tiny_bert):
    result = run("export", tiny_bert, "--task", "feature-extraction", "--trainable-head", "--out", "out")
    assert result.exit_code == 2
    assert "Error: feature-extraction: has no head to learn on the device; leave --trainable-head out" in result.stderr
