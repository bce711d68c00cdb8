"""The gate bites: an export whose file answers otherwise leaves nothing. The files are really wrong, and no test
replaces the judge.

Conversions are shared between tests by what the converter is given, so a spoiled model gets a file of its own.
"""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from kerasbert import TextClassifier
from kerasbert.errors import ExportError
from kerasbert.export import bundle, export_bundle
from kerasbert.export.variants import WRITERS
from kerasbert.layers.attention import AttentionBias
from kerasbert.runtime.pipelines import Pipeline
from kerasbert.tokenizers import WordPieceTokenizer


@pytest.fixture
def model(tiny_classifier):
    return TextClassifier.from_pretrained(tiny_classifier)


@pytest.fixture
def spoil(monkeypatch):
    """`spoil(change)`: files are written while `change(model)`, a context, holds; `kinds` names those files."""
    right = bundle.writer

    def spoiled(change, kinds=WRITERS):
        def writer(kind):
            def wrong(model, *args):
                with change(model):
                    right(kind)(model, *args)

            return wrong if kind in kinds else right(kind)

        monkeypatch.setattr(bundle, "writer", writer)

    return spoiled


@contextmanager
def one_weight_off(model):
    """A hundredth is added to one weight of the classifier."""
    kernel = model.get_layer("classifier").dense.kernel
    before = kernel.numpy()
    after = before.copy()
    after[0, 0] += 0.01
    kernel.assign(after)
    yield
    kernel.assign(before)


@contextmanager
def answers_turned_round(model):
    kernel, bias = model.get_layer("classifier").dense.weights
    for variable in (kernel, bias):
        variable.assign(-variable)
    yield
    for variable in (kernel, bias):
        variable.assign(-variable)


@contextmanager
def no_mask(model):
    call = AttentionBias.call
    AttentionBias.call = lambda self, mask: 0.0 * call(self, mask)
    yield
    AttentionBias.call = call


@contextmanager
def other_tokenizer(model):
    own = model.tokenizer
    model.encoder.tokenizer = WordPieceTokenizer(own.pieces, do_lower_case=False)
    yield
    model.encoder.tokenizer = own


@pytest.mark.parametrize(
    ("format", "change", "complaint"),
    [
        ("tflite", one_weight_off, r"^the parity gate failed: tflite: outputs differ by 0.0\d+, 0.0001 allowed$"),
        (
            "onnx",
            one_weight_off,
            r"^the parity gate failed: onnx: outputs differ by 0.0\d+, 0.0001 allowed; in a batch",
        ),
        pytest.param(
            "saved_model",
            one_weight_off,
            r"saved_model: outputs differ by 0.0\d+, 0.0001 allowed; in a batch: .*text signature: outputs differ",
            marks=pytest.mark.slow,
        ),
        ("tflite", no_mask, r"failed: tflite: outputs differ"),
        # Alone, only the last window of a long text has padding.
        (
            "onnx",
            no_mask,
            r"failed: onnx: outputs differ by [\d.]+, 0.0001 allowed; in a batch: outputs differ by [\d.]+, 0.0001 a",
        ),
        pytest.param(
            "saved_model",
            no_mask,
            r"failed: saved_model: outputs differ .*; in a batch: outputs differ .*; text signature: outputs differ",
            marks=pytest.mark.slow,
        ),
        (
            "saved_model",
            other_tokenizer,
            r"failed: saved_model: (text signature: outputs differ by [\d.]+, 0.0001 allowed(; )?)+$",
        ),
    ],
)
def test_a_file_that_answers_otherwise_leaves_nothing(model, spoil, tmp_path, format, change, complaint):
    spoil(change)
    with pytest.raises(ExportError, match=complaint):
        export_bundle(model, tmp_path / "out", formats=format, quantize="none")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_one_wrong_file_among_good_ones_leaves_nothing(model, spoil, tmp_path):
    spoil(one_weight_off, kinds=["onnx"])
    with pytest.raises(ExportError, match=r"^the parity gate failed: onnx: [^|]+$"):
        export_bundle(model, tmp_path / "out", formats=("tflite", "onnx"), quantize="none")
    assert list(tmp_path.iterdir()) == []


def test_int8_has_to_keep_the_labels(model, spoil, tmp_path):
    spoil(answers_turned_round)
    with pytest.raises(
        ExportError, match=r"^the parity gate failed: tflite-int8: \d+\.\d\d% of answers agree or are unclear, 99%"
    ):
        export_bundle(model, tmp_path / "out", formats="tflite", quantize="int8")
    assert list(tmp_path.iterdir()) == []


def test_on_labelled_data_int8_has_to_keep_the_figure_even_where_keras_hesitates(model, spoil, opinion_file, tmp_path):
    for variable in model.get_layer("classifier").dense.weights:
        variable.assign(1e-3 * variable)
    spoil(answers_turned_round)
    complaint = (
        r"^the parity gate failed: tflite-int8: accuracy on the data falls by 100.00 points, a fall of 0.5 allowed"
    )
    with pytest.raises(ExportError, match=complaint):
        export_bundle(model, tmp_path / "out", formats="tflite", quantize="int8", data=opinion_file)
    assert list(tmp_path.iterdir()) == []


def test_float32_has_to_keep_its_logits_on_labelled_data(model, tmp_path, opinion_file, monkeypatch):
    """The golden texts answered right, a labelled one not."""
    right = Pipeline.answered

    def wrong(self, examples, **options):
        for found in right(self, examples, **options):
            added = 0.01 if found.example.fields["text"].startswith("the film was bad") else 0.0
            yield replace(found, outputs={"logits": [logits + added for logits in found.outputs["logits"]]})

    monkeypatch.setattr(Pipeline, "answered", wrong)
    with pytest.raises(ExportError, match=r"failed: tflite: on the data: outputs differ by 0.01, 0.0001 allowed$"):
        export_bundle(model, tmp_path / "out", formats="tflite", quantize="none", data=opinion_file)
    assert list(tmp_path.iterdir()) == []


def test_the_command_ends_with_one_line_and_exit_code_1(run, spoil, tiny_classifier, tmp_path):
    spoil(one_weight_off)
    result = run("export", tiny_classifier, "--format", "onnx", "--out", "out")
    assert (result.exit_code, result.stdout) == (1, "")
    *steps, error = result.stderr.splitlines()
    assert [step for step in steps if not step.endswith(" ...")] == []
    assert error.startswith("Error: the parity gate failed: onnx: outputs differ by 0.0")
    assert list(tmp_path.iterdir()) == []


def test_a_model_whose_own_answers_are_no_numbers_is_refused(model, tmp_path):
    bias = model.get_layer("classifier").dense.bias
    bias.assign(bias + float("nan"))
    with pytest.raises(ExportError, match=r"onnx: Keras's own outputs are not all finite"):
        export_bundle(model, tmp_path / "out", formats="onnx")
    assert list(tmp_path.iterdir()) == []
