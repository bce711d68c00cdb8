"""A bundle of a model that writes texts: two graphs per file, and the texts and scores of Keras from every file."""

import json
import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
from conftest import small_vocabulary, write_csv
from edits import change_golden, flip, rewrite
from families import small_encoder

from kerasbert import BertConfig, BertEncoder, Seq2Seq
from kerasbert.errors import BundleError, ExportError
from kerasbert.export import export_bundle, verify
from kerasbert.export.exportable import check_formats
from kerasbert.export.formats.tflite.entries import unpacked
from kerasbert.export.gate.verify import check, read_data
from kerasbert.export.options import ExportOptions
from kerasbert.runtime import load
from kerasbert.runtime.manifest import Manifest
from kerasbert.tokenizers import WordPieceTokenizer

TEXTS = [
    "the film was good 🎬 and the room was kind",
    "Café 这家电影 was awful, day",
    "good",
    "the hotel was clean and the staff were kind and the food was fresh and the day was warm and bright",
    ". ".join(["the room was dark", "a story of the city", "water in the hotel was cold"] * 3),
    "",
]
"""The last but one does not fit into a row, but its sentences do."""
FLOATS = ("tflite", "onnx")
FILES = (*FLOATS, "tflite-int8", "tflite-float16", "onnx-int8", "onnx-float16")


def writer(encoder: BertEncoder, **settings) -> Seq2Seq:
    """A model whose texts end, some sooner than others."""
    model = Seq2Seq(encoder, max_length=24, max_new_tokens=9, num_beams=3, length_penalty=0.6, **settings)
    bias = np.zeros(model.config.vocab_size, "float32")
    bias[model.settings.eos_token_id] = 4.0
    model.decoder.mlm.bias.assign(bias)
    return model


@pytest.fixture(scope="module")
def tokenizer():
    return WordPieceTokenizer(small_vocabulary())


@pytest.fixture(scope="module")
def bundle(tokenizer, tmp_path_factory):
    """The model and its bundle with files of floats and of 8 bits."""
    model, folder = writer(small_encoder("bert", tokenizer, pooler=False)), tmp_path_factory.mktemp("texts") / "bundle"
    quantize = ("none", "int8", "float16")
    rows = export_bundle(model, folder, formats=FLOATS, quantize=quantize, sequence_lengths=[16])
    assert [row.failed for row in rows] == [None] * len(FILES)
    assert [row.agreement for row in rows if row.format in FLOATS] == [1.0, 1.0]
    return model, folder


@pytest.fixture
def copy(bundle, tmp_path):
    """A bundle of one's own, with the files of floats."""
    folder = shutil.copytree(bundle[1], tmp_path / "copy")
    rewrite(folder, lambda values: values.update(files={name: values["files"][name] for name in FLOATS}))
    return folder


def assert_equal(found: list, wanted: list) -> None:
    assert [each["generated_text"] for each in found] == [each["generated_text"] for each in wanted]
    assert [each["finished"] for each in found] == [each["finished"] for each in wanted]
    np.testing.assert_allclose([each["score"] for each in found], [each["score"] for each in wanted], atol=1e-5)


@pytest.mark.parametrize("file", FLOATS)
def test_every_file_writes_the_texts_of_keras(bundle, file):
    """By beams and greedily, short and long, in a batch and alone."""
    model, folder = bundle
    answer = load(folder, file=file)
    wanted = model.predict_text(TEXTS)
    assert {each["finished"] for each in wanted} == {True, False}
    assert len({each["generated_text"] for each in wanted}) > 2
    assert_equal(answer.predict_text(TEXTS), wanted)
    assert_equal([answer(text) for text in TEXTS], wanted)
    others = model.predict_text(TEXTS, num_beams=1)
    assert_equal(answer.predict_text(TEXTS, num_beams=1), others)
    assert [each["generated_text"] for each in others] != [each["generated_text"] for each in wanted]


def test_rules_and_several_texts_are_obeyed_without_keras(bundle):
    model, folder = bundle
    changes = {"min_new_tokens": 4, "no_repeat_ngram_size": 2, "num_return_sequences": 3}
    wanted = model.predict_text(TEXTS[:4], **changes)
    for file in FLOATS:
        for ours, theirs in zip(load(folder, file=file).predict_text(TEXTS[:4], **changes), wanted, strict=True):
            assert len(theirs) == 3
            assert_equal(ours, theirs)


@pytest.mark.parametrize(
    "options", [{"tied_words": False}, {"cross_attention": "additive"}], ids=lambda x: next(iter(x))
)
def test_other_decoders_pass_the_gate(options, tokenizer, tmp_path):
    """Norms first, with words of its own, or with another attention to the source."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(
        vocab_size=tokenizer.vocab_size, max_position_embeddings=32, initializer_range=0.5, norm_first=True, **sizes
    )
    decoder = replace(config, num_hidden_layers=1)
    model = writer(BertEncoder(config, tokenizer=tokenizer, pooler=False), decoder=decoder, **options)
    rows = export_bundle(model, tmp_path / "bundle", formats=FLOATS, quantize="none", sequence_lengths=[24])
    assert [(row.failed, row.agreement) for row in rows] == [(None, 1.0)] * 2


def test_parts_have_the_names_and_axes_that_the_hubs_clients_know(bundle):
    model, folder = bundle
    files = Manifest.read(folder).files
    assert {name: [part.path for part in file.parts] for name, file in files.items()} == {
        "tflite": ["model.tflite"],
        "onnx": ["onnx/encoder_model.onnx", "onnx/decoder_model.onnx"],
        "tflite-int8": ["model_int8.tflite"],
        "tflite-float16": ["model_float16.tflite"],
        "onnx-int8": ["onnx/encoder_model_quantized.onnx", "onnx/decoder_model_quantized.onnx"],
        "onnx-float16": ["onnx/encoder_model_fp16.onnx", "onnx/decoder_model_fp16.onnx"],
    }
    assert [part.graphs for part in files["onnx"].parts] == [("encoder",), ("decoder_step",)]
    assert files["tflite-int8"].bytes < files["tflite"].bytes

    def shapes(tensors):
        return {x.name: [size.dim_param or size.dim_value for size in x.type.tensor_type.shape.dim] for x in tensors}

    width, words = model.decoder.width, model.config.vocab_size
    encoder, decoder = (onnx.load(folder / part.path).graph for part in files["onnx"].parts)
    assert shapes(encoder.input) == {name: ["batch", "sequence"] for name in model.encoder.input}
    assert shapes(encoder.output) == {"memory": ["batch", "sequence", width]}
    assert shapes(decoder.input) == {
        "decoder_input_ids": ["batch"],
        "decoder_position": ["batch"],
        "attention_mask": ["batch", "sequence"],
        "memory": ["batch", "sequence", width],
        "cache": ["batch", "places", width],
    }
    assert shapes(decoder.output) == {"logits": ["batch", words], "cache_entry": ["batch", width]}


def test_the_word_table_that_both_graphs_read_is_stored_once(bundle):
    """In the `.tflite` file; each `.onnx` file has its own."""
    model, folder = bundle
    size = 4 * int(np.prod(model.encoder.embeddings.word_table.shape))
    buffers = unpacked((folder / "model.tflite").read_bytes()).buffers
    assert [len(each.data) for each in buffers if each.data is not None].count(size) == 1
    for part in Manifest.read(folder).files["onnx"].parts:
        stored = onnx.load(folder / part.path).graph.initializer
        assert [len(each.raw_data) for each in stored].count(size) == 1


@pytest.mark.parametrize("path", ["onnx/decoder_model.onnx", "onnx/encoder_model.onnx", "model.tflite"])
def test_a_damaged_or_missing_part_is_named(copy, path):
    file = "onnx" if path.startswith("onnx") else "tflite"
    flip(copy / path)
    with pytest.raises(BundleError, match=f"{path}: its bytes are not the ones that were written; export or copy it"):
        load(copy, file=file)
    (copy / path).unlink()
    with pytest.raises(BundleError, match=f"{path}: missing, though kerasbert.json lists it; export or copy it again"):
        load(copy, file=file, check=False)


def test_a_part_that_computes_another_graph_is_named(copy):
    onnx = copy / "onnx"
    shutil.copy(onnx / "encoder_model.onnx", onnx / "decoder_model.onnx")
    rewrite(copy)
    with pytest.raises(BundleError, match=r"decoder_model.onnx: takes attention_mask, input_ids, token_type_ids, but "):
        load(copy, file="onnx")


def test_other_numbers_fail_the_gate(copy):
    def change(recorded):
        recorded[0]["rows"][0]["outputs"]["log_probs"][0][0] += 2e-4

    change_golden(copy, change)
    rewrite(copy)
    failed = [row.failed for row in verify(copy)]
    assert [each.startswith("outputs differ by 0.0002, ") for each in failed] == [True, True], failed


def test_another_text_fails_the_gate(copy):
    def change(recorded):
        recorded[0]["answer"]["generated_text"] = "another text"
        recorded[1]["greedy"]["score"] -= 0.01

    change_golden(copy, change)
    rewrite(copy)
    with pytest.raises(ExportError) as caught:
        check(verify(copy, files=["onnx"]))
    said = str(caught.value)
    assert "to {'source': 'A man in an orange hat" in said
    assert "Keras writes {'generated_text': 'another text'" in said
    assert "by greedy search: to {'source': '😀 Two young girls" in said
    assert "in a batch: to {'source': 'A man" in said


def test_a_tie_between_two_tokens_excuses_another_text(tokenizer, tmp_path):
    """Two words have the same vector, so that either may be written."""
    model = writer(small_encoder("bert", tokenizer, pooler=False))
    first, second = (tokenizer.pieces.index(piece) for piece in ("good", "great"))
    table = np.array(model.encoder.embeddings.word_table)
    table[second] = table[first]
    model.encoder.embeddings.word_table.assign(table)
    bias = np.array(model.decoder.mlm.bias)
    bias[[first, second]] = 6.0
    model.decoder.mlm.bias.assign(bias)
    model.settings = replace(model.settings, num_beams=1, max_new_tokens=1)
    export_bundle(model, tmp_path / "bundle", formats="onnx", quantize="none")

    def change(recorded):
        answer = next(each["answer"] for each in recorded if each["answer"]["generated_text"] == "good")
        answer["generated_text"] = "great"

    change_golden(tmp_path / "bundle", change)
    rewrite(tmp_path / "bundle")
    (row,) = verify(tmp_path / "bundle")
    assert row.failed is None
    assert row.agreement < 1.0


def test_labelled_data_decide_on_files_of_8_bits_by_bleu(bundle, tmp_path):
    model, folder = bundle
    right = [each["generated_text"] for each in model.predict_text(TEXTS[:4])]
    path = write_csv(tmp_path / "data.csv", zip(TEXTS[:4], right, strict=True), header=("source", "target"))
    data = read_data(path, model.task, model.settings)
    rows = {row.format: row for row in verify(folder, data=data, max_drop=100, files=["onnx", "tflite", "tflite-int8"])}
    assert all(row.failed is None for row in rows.values())
    assert rows["onnx"].figure == rows["tflite"].figure > 0.9
    assert rows["tflite-int8"].decision.figure.startswith("bleu on the data ")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"formats": "tflite-text", "quantize": "none"},
            "tflite-text: holds one graph, and seq2seq has encoder and decoder_step",
        ),
        (
            {"formats": "tflite", "quantize": "full-int8"},
            "tflite-full-int8: holds one graph, and seq2seq has encoder and ",
        ),
        ({"formats": "mediapipe"}, "mediapipe, mediapipe-int8: holds one graph, and seq2seq"),
        ({"trainable_head": True}, "seq2seq: has no head to learn on the device; leave trainable_head out"),
    ],
)
def test_formats_of_one_graph_are_refused(bundle, options, said):
    with pytest.raises(ExportError, match=f"^{said}"):
        check_formats(bundle[0], ExportOptions(**options))


def test_the_command_line_answers_and_measures(bundle, copy, run, tmp_path):
    result = run("predict", copy, TEXTS[0])
    assert bundle[0].predict_text(TEXTS[:1])[0]["generated_text"] in result.stdout
    result = run("predict", copy, TEXTS[0], "--num-beams", 5, "--num-return-sequences", 5)  # they count together
    assert len(json.loads(result.stdout)["answers"]) == 5
    result = run("predict", copy, TEXTS[0], "--max-new-tokens", 10)
    assert (result.exit_code, "--max-new-tokens: max_new_tokens is 10: use 1 to 9" in result.output) == (2, True)
    path = write_csv(tmp_path / "data.csv", [(text, text) for text in TEXTS[:3]], header=("source", "target"))
    assert "bleu" in run("evaluate", copy, "--data", path).stdout
    inspected = run("inspect", copy).stdout
    assert "onnx/encoder_model.onnx, onnx/decoder_model.onnx, onnx, float32" in inspected
    assert run("verify", copy).exit_code == 0
    result = run("benchmark", copy, "--quick", "--runs", 1, "--file", "onnx", "--sequence-length", 16)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1].startswith("fastest here: onnx")
