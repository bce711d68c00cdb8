"""Conversions between formats: every tensor arrives bit for bit, and nothing is written of what is not whole."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from checkpoints.head_classes import NAMES, make_folder
from checkpoints.keras_hub_models import own_model
from huggingface_hub import ModelCard
from safetensors.numpy import load_file, save_file

import kerasbert as kb
from kerasbert.checkpoints import names
from kerasbert.checkpoints.convert import AS_IT_IS, convert
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.checkpoints.sizes import encoder_shapes, pair_shapes
from kerasbert.config import BertConfig, EncoderDecoderConfig
from kerasbert.errors import CheckpointError, ConfigError
from kerasbert.families import FAMILIES
from kerasbert.models.encoder import BertEncoder

PAIRS = Path(__file__).parents[1] / "parity" / "fixtures"
KEY = "decoder.bert.encoder.layer.0.crossattention.self.key.weight"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_shapes_of_an_encoder_are_those_that_keras_builds(family):
    sizes = {
        "vocab_size": 11,
        "hidden_size": 6,
        "embedding_size": 4,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 10,
        "max_position_embeddings": 8,
        "type_vocab_size": 2,
    }
    fixed = FAMILIES[family].fixed
    config = BertConfig(model_type=family, **{name: size for name, size in sizes.items() if name not in fixed})
    built = {weight.path: tuple(weight.shape) for weight in BertEncoder(config, pooler=False).weights}
    assert encoder_shapes(config) == built


@pytest.mark.parametrize("name", NAMES)
def test_hugging_face_to_hugging_face_keeps_every_bit(name, tmp_path):
    folder = make_folder(tmp_path / "model", name)
    done = convert(folder, tmp_path / "out", to="hf")
    before, after = open_checkpoint(folder), open_checkpoint(tmp_path / "out")
    assert before.shapes == after.shapes
    assert all(np.array_equal(before.read(name), after.read(name)) for name in before.tensors)
    assert load_file(tmp_path / "out" / "model.safetensors").keys() == {row.target for row in done.rows if row.target}
    assert {row.how for row in done.rows if row.target} == {AS_IT_IS}
    assert (after.task, after.architecture) == (before.task, name)


@pytest.mark.parametrize("name", ["seq2seq_bert", "seq2seq_roberta"])
def test_an_encoder_with_a_decoder_keeps_every_bit(name, tmp_path):
    """Its shapes are those that Keras builds. Halves become float32 in both parts of config.json."""
    folder = shutil.copytree(PAIRS / name, tmp_path / "model")
    config = settings_of(folder)
    config["decoder"]["dtype"] = "float16"
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    done = convert(folder, tmp_path / "out", to="hf")
    before, after = open_checkpoint(folder), open_checkpoint(tmp_path / "out")
    assert (done.read_as, done.tokenizer) == (before.holds, True)
    assert before.shapes == after.shapes
    assert all(np.array_equal(before.read(each), after.read(each)) for each in before.tensors)
    assert {row.how for row in done.rows if row.target} == {AS_IT_IS}
    config = settings_of(tmp_path / "out")
    assert (config["architectures"], config["decoder"]["dtype"]) == (["EncoderDecoderModel"], "float32")
    assert EncoderDecoderConfig.from_dict(config) == before.pair
    model = kb.Seq2Seq.from_pretrained(str(tmp_path / "out"))
    built = {weight.path: tuple(weight.shape) for weight in model.weights}
    assert pair_shapes(before.pair) == {path: shape for path, shape in built.items() if not path.startswith("pooler")}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tensors: {name: x for name, x in tensors.items() if name != KEY}, f"missing: {KEY}"),
        (lambda tensors: {**tensors, KEY.replace("0", "7"): np.zeros(2, "float32")}, "unexpected: decoder.bert"),
    ],
    ids=["missing", "unexpected"],
)
def test_a_decoder_that_is_not_whole_is_neither_written_nor_opened(change, said, tmp_path):
    folder = damaged(PAIRS / "seq2seq_bert", tmp_path / "model", change)
    for act in (lambda: convert(folder, tmp_path / "out", to="hf"), lambda: kb.Seq2Seq.from_pretrained(str(folder))):
        with pytest.raises(CheckpointError, match=re.escape(said)):
            act()
    assert not (tmp_path / "out").exists()


def test_a_decoder_has_no_place_in_other_formats(tmp_path):
    folder = PAIRS / "seq2seq_bert"
    for to, library in (("tf1", "google-research/bert"), ("keras-hub", "KerasHub")):
        with pytest.raises(CheckpointError, match=f"EncoderDecoderModel.*, and {library} has no place for a decoder"):
            convert(folder, tmp_path / to, to=to)
    with pytest.raises(CheckpointError, match="with a word table in each of its two parts; change the vocabulary of"):
        kb.add_tokens(str(folder), tmp_path / "more", ["new"])
    assert not list(tmp_path.iterdir())


def test_the_tokenizer_comes_along(tiny_bert, tmp_path):
    assert convert(tiny_bert, tmp_path / "out", to="hf").tokenizer
    first, second = (
        open_checkpoint(path).tokenizer().encode("Wörter, 词 🙂")[0] for path in (tiny_bert, tmp_path / "out")
    )
    assert first.ids == second.ids


def test_what_a_format_has_no_place_for_is_said(tmp_path, run):
    """google-research/bert has no modules: a sentence encoder becomes an encoder there."""
    folder = make_folder(tmp_path / "model", "BertModel")
    (folder / "modules.json").write_text(json.dumps([{"path": "", "type": "sentence_transformers.models.Transformer"}]))
    done = run("convert", folder, tmp_path / "tf1", "--to", "tf1")
    assert done.exit_code == 0, done.output
    assert "sentence-embedding, from Hugging Face to google-research/bert" in done.output
    assert "the new folder is read as an encoder (BertModel): google-research/bert has no place for more" in done.output
    assert "is read as" not in run("convert", folder, tmp_path / "hf", "--to", "hf").output


def settings_of(folder):
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))


def with_modules(folder, *names, **files):
    """Adds modules of sentence-transformers behind the encoder. Args: files: name of a module -> its weights."""
    modules = [{"path": "", "type": "sentence_transformers.models.Transformer"}]
    for number, name in enumerate(names, 1):
        place = folder / f"{number}_{name}"
        place.mkdir()
        (place / "config.json").write_text("{}")
        if name in files:
            (place / "model.safetensors").write_bytes(files[name])
        modules.append({"path": place.name, "type": f"sentence_transformers.models.{name}"})
    (folder / "modules.json").write_text(json.dumps(modules))
    return folder


def test_the_weights_of_modules_come_along(tmp_path):
    folder = with_modules(make_folder(tmp_path / "model", "BertModel"), "Pooling", "Dense", Dense=b"weights")
    convert(folder, tmp_path / "out", to="hf")
    before, after = ({path.relative_to(place) for path in place.rglob("*")} for place in (folder, tmp_path / "out"))
    assert after == before | {Path("README.md")}
    assert (tmp_path / "out" / "2_Dense" / "model.safetensors").read_bytes() == b"weights"


def test_other_models_in_a_folder_stay_behind(tmp_path):
    folder = make_folder(tmp_path / "model", "BertModel")
    make_folder(folder / "checkpoint-500", "BertModel")
    convert(folder, tmp_path / "out", to="hf")
    assert not (tmp_path / "out" / "checkpoint-500").exists()


@pytest.mark.parametrize("to", ["tf1", "keras-hub"])
def test_a_sentence_encoder_of_another_format_gets_its_modules(to, tmp_path):
    model = kb.SentenceEncoder(own_model("bert", "encoder"), pooling="cls", max_length=20)
    model.save_pretrained(tmp_path / "model")
    convert(tmp_path / "model", tmp_path / "there", to=to, approximate=True)
    convert(tmp_path / "there", tmp_path / "back", to="hf")
    for name in ("modules.json", "1_Pooling/config.json", "sentence_bert_config.json"):
        assert (tmp_path / "back" / name).read_bytes() == (tmp_path / "model" / name).read_bytes()


@pytest.mark.parametrize("name", ["BertForSequenceClassification", "RobertaForTokenClassification"])
def test_labels_without_names_are_numbered_for_transformers(name, tmp_path):
    """transformers gives a classifier two outputs where config.json says nothing, and then refuses the weights."""
    folder = make_folder(tmp_path / "two", name)
    last = ("classifier.weight", "classifier.bias")
    three = damaged(
        folder,
        tmp_path / "three",
        lambda tensors: {n: np.repeat(x, 3, 0)[:3] if n in last else x for n, x in tensors.items()},
    )
    for source in (folder, three):
        convert(source, tmp_path / f"{source.name}.out", to="hf")
    two, three = (settings_of(tmp_path / f"{each}.out") for each in ("two", "three"))
    assert "id2label" not in two
    assert three["id2label"] == {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}
    assert three["label2id"] == {"LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2}


def test_a_folder_that_transformers_refuses_stays_one(tiny_bert, tmp_path):
    encoder = kb.BertEncoder.from_pretrained(tiny_bert)
    kb.TextClassifier(encoder, labels=["a", "b"], pooling="mean").save_pretrained(tmp_path / "model")
    convert(tmp_path / "model", tmp_path / "out", to="hf")
    before, after = (settings_of(tmp_path / name) for name in ("model", "out"))
    assert before == after
    assert (after["model_type"], "architectures" in after) == ("kerasbert", False)


def test_an_own_head_of_masked_words_becomes_that_of_transformers_if_accepted(tmp_path):
    own_model("bert", "fill-mask").save_pretrained(tmp_path / "model")
    convert(tmp_path / "model", tmp_path / "out", to="hf", approximate=True)
    config = settings_of(tmp_path / "out")
    assert (config["model_type"], config["architectures"]) == ("bert", ["BertForMaskedLM"])
    assert "mlm_hidden_act" not in config


def test_the_command_prints_what_was_done(tmp_path, run):
    table, copy = "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"
    folder = make_folder(tmp_path / "plain", "BertForMaskedLM", layout="4", without=("pooler",))
    folder = damaged(folder, tmp_path / "model", lambda tensors: {**tensors, copy: tensors[table].copy()})
    (folder / "vocab.txt").unlink()
    done = run("convert", folder, tmp_path / "out", "--to", "tf1")
    assert done.exit_code == 0, done.output
    first, second, *rest = done.stdout.splitlines()
    assert first == f"{tmp_path / 'out'}: fill-mask (BertForMaskedLM), from Hugging Face to google-research/bert"
    written = len(open_checkpoint(tmp_path / "out").tensors)
    assert second.startswith(f"{written + len(rest) - 1} tensors: ")
    assert second.endswith(f" transposed, {len(rest) - 1} not written; what was written was read back and is equal")
    assert rest[-1] == "no tokenizer: the source has none"
    assert "not written: bert.embeddings.position_ids (a constant)" in rest
    assert f"not written: {copy} (a copy of embeddings.word_embeddings.weight)" in rest
    facts = json.loads(run("convert", folder, tmp_path / "again", "--to", "tf1", "--json").stdout)
    assert (facts["source"], facts["target"], facts["tokenizer"]) == ("Hugging Face", "google-research/bert", False)
    names = {row["source"] for row in facts["rows"]}
    assert names == set(load_file(folder / "model.safetensors"))
    assert run("convert", folder, tmp_path / "out", "--to", "tf1").exit_code == 1  # it is not empty
    assert run("convert", folder, tmp_path / "x", "--to", "onnx").exit_code == 2


@pytest.mark.parametrize("to", ["model-garden", "safetensors"])
def test_a_format_that_is_not_written_is_named(tiny_bert, tmp_path, to):
    with pytest.raises(ConfigError, match=f"to is '{to}': use one of tf1, keras-hub, hf"):
        convert(tiny_bert, tmp_path / "out", to=to)
    assert not (tmp_path / "out").exists()


PAGE = "---\nlicense: other\nlicense_link: LICENSE\nlanguage: de\nlibrary_name: transformers\n---\n# My model\n"


@pytest.mark.parametrize(("to", "library"), [("hf", "transformers"), ("tf1", None), ("keras-hub", "keras-hub")])
def test_the_licence_comes_along(to, library, tmp_path):
    folder = make_folder(tmp_path / "model", "BertModel")
    (folder / "README.md").write_text(PAGE, encoding="utf-8")
    (folder / "LICENSE").write_text("You may.", encoding="utf-8")
    convert(folder, tmp_path / "out", to=to, approximate=True)
    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert (card.data.license, card.data.license_link, card.data.language) == ("other", "LICENSE", "de")
    assert card.data.library_name == library
    assert (tmp_path / "out" / "LICENSE").read_text(encoding="utf-8") == "You may."
    assert ((tmp_path / "out" / "README.md").read_text(encoding="utf-8") == PAGE) is (to == "hf")
    if to != "hf":
        assert "This is the folder `model`. kerasbert converted it from Hugging Face to " in card.text
        assert "transformers does not have" not in card.text


def test_a_source_without_a_page_gets_one_that_asks_for_a_licence(tmp_path):
    convert(make_folder(tmp_path / "model", "BertModel"), tmp_path / "out", to="hf")
    assert "No licence is known." in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def damaged(folder, place, change):
    """A copy of a model folder with other tensors."""
    shutil.copytree(folder, place)
    tensors = load_file(place / "model.safetensors")
    save_file(change(tensors), place / "model.safetensors")
    return place


def without(*ends):
    return lambda tensors: {name: x for name, x in tensors.items() if not name.endswith(ends)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without("layer.1.attention.self.key.bias"), r"missing: encoder.layer.1.attention.self.key.bias \(32,\)"),
        (without("pooler.dense.bias"), "holds pooler.dense.weight but no pooler.dense.bias"),
        (
            lambda tensors: tensors | {"pooler.dense.bias": np.zeros(31, "float32")},
            r"pooler.dense.(weight|bias) is \((32, 32|31,)\), but pooler.dense.(weight|bias) is",
        ),
        (lambda tensors: {**tensors, "encoder.layer.9.x": np.zeros(2, "float32")}, r"unexpected: encoder.layer.9.x"),
        (lambda tensors: {name: x * np.nan for name, x in tensors.items()}, "holds NaN or infinity"),
        (
            lambda tensors: {name: x[:-1] if "self.query.weight" in name else x for name, x in tensors.items()},
            r"of another shape: encoder.layer.0.attention.self.query.weight: \(31, 32\) in the file, \(32, 32\)",
        ),
    ],
)
def test_nothing_is_written_of_what_is_not_whole(tiny_bert, tmp_path, change, said):
    source = damaged(tiny_bert, tmp_path / "source", change)
    with pytest.raises(CheckpointError, match=said):
        convert(source, tmp_path / "out", to="hf")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_halves_become_float32(tiny_bert, tmp_path):
    source = damaged(
        tiny_bert, tmp_path / "source", lambda tensors: {n: x.astype("float16") for n, x in tensors.items()}
    )
    convert(source, tmp_path / "out", to="hf")
    assert {x.dtype.name for x in load_file(tmp_path / "out" / "model.safetensors").values()} == {"float32"}
    assert settings_of(tmp_path / "out")["dtype"] == "float32"


def test_a_name_of_a_file_is_that_of_reading_and_writing():
    """`file_name` and `tensor_name` are two ways to one name."""
    for family, heads in names.HEAD_NAMES.items():
        for path in (*names.ENCODER_NAMES[family], *heads):
            layer = path.format(0) if "{}" in path else path
            leaf = (
                "" if path.startswith(("embeddings/word", "embeddings/pos", "embeddings/tok", "pooling/")) else "/bias"
            )
            leaf = "" if path == "mlm/bias" else leaf
            plain, _ = names.tensor_name(family, layer + leaf, prefix=False)
            assert (
                names.file_name(family, plain, prefix=True) == names.tensor_name(family, layer + leaf, prefix=True)[0]
            )


@pytest.mark.parametrize(
    ("name", "lost", "said"),
    [
        ("BertForSequenceClassification", "classifier", "holds text-classification .* but no classifier"),
        ("RobertaForSequenceClassification", "classifier", "holds text-classification .* but no classifier"),
        ("DistilBertForMultipleChoice", "classifier", "holds multiple-choice .* but no classifier"),
        ("BertForQuestionAnswering", "qa_outputs", "holds question-answering .* but no qa_outputs"),
        ("BertForMaskedLM", "transform.dense", r"missing: cls.predictions.transform.dense.weight \(32, 32\)"),
        ("RobertaForMaskedLM", "lm_head.layer_norm", r"missing: lm_head.layer_norm.weight \(32,\)"),
    ],
)
def test_a_model_without_its_head_is_not_written(name, lost, said, tmp_path):
    """transformers would draw the head at random, and answer by chance."""
    folder = make_folder(tmp_path / "model", name, without=(lost,))
    with pytest.raises(CheckpointError, match=said):
        convert(folder, tmp_path / "out", to="hf")
    assert not (tmp_path / "out").exists()


def test_an_encoder_that_was_pretrained_may_come_without_its_head(tmp_path):
    convert(make_folder(tmp_path / "model", "RobertaForMaskedLM", without=("lm_head",)), tmp_path / "out", to="hf")
    assert open_checkpoint(tmp_path / "out").heads == []


def test_a_head_that_the_family_does_not_have_comes_along(tmp_path):
    folder = make_folder(tmp_path / "model", "RobertaModel")
    more = {
        "cls.seq_relationship.weight": np.ones((2, 32), "float32"),
        "cls.seq_relationship.bias": np.ones(2, "float32"),
    }
    source = damaged(folder, tmp_path / "source", lambda tensors: tensors | more)
    convert(source, tmp_path / "out", to="hf")
    assert more.keys() <= load_file(tmp_path / "out" / "model.safetensors").keys()


def test_what_is_transposed_twice_is_not_said_to_be_transposed(tiny_bert, tmp_path):
    convert(tiny_bert, tmp_path / "preset", to="keras-hub", approximate=True)
    done = convert(tmp_path / "preset", tmp_path / "tf1", to="tf1", approximate=True)
    assert {row.how for row in done.rows if row.target} == {AS_IT_IS, "heads joined"}
