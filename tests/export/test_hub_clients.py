"""A bundle is a folder that the hub's clients open unchanged.

tests/bench/clients.py recorded what optimum, transformers, sentence-transformers, fastembed and transformers.js
answered. Here the same files are read as these clients read them: tokenizer.json, the JSON files beside it, and a
session of ONNX Runtime, without anything of kerasbert.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from tokenizers import Tokenizer

from kerasbert import FeatureExtractor, SentenceEncoder, TextClassifier, TokenClassifier
from kerasbert.checkpoints import modules
from kerasbert.errors import BundleError
from kerasbert.export import export_bundle
from kerasbert.runtime import load
from kerasbert.tasks.sentence_embedding import Settings

RECORDED = Path(__file__).resolve().parents[1] / "parity" / "fixtures"
CUTS_THE_END = ("transformers.js, pipeline", "transformers.js, pipeline, pooling mean")
"""Clients that cut a long text without a [SEP] at its end."""


def read(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))


def as_a_client(bundle: Path, texts: list[str]) -> tuple[dict, np.ndarray]:
    """The outputs of a session by name, in their order, and the mask of the tokens."""
    tokenizer = Tokenizer.from_file(str(bundle / "tokenizer.json"))
    config, of_tokenizer = read(bundle / "config.json"), read(bundle / "tokenizer_config.json")
    tokenizer.enable_truncation(of_tokenizer["model_max_length"])
    tokenizer.enable_padding(pad_id=config["pad_token_id"], pad_token=of_tokenizer["pad_token"])
    rows = tokenizer.encode_batch(texts)
    given = {
        "input_ids": [row.ids for row in rows],
        "attention_mask": [row.attention_mask for row in rows],
        "token_type_ids": [row.type_ids for row in rows],
    }
    session = onnxruntime.InferenceSession(bundle / "onnx" / "model.onnx", providers=["CPUExecutionProvider"])
    inputs = {each.name: np.array(given[each.name], "int64") for each in session.get_inputs()}
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True)), np.array(given["attention_mask"])


def recorded(name: str) -> tuple[list[str], dict]:
    """The texts, and by client its numbers."""
    content = read(RECORDED / name)
    assert len(content["answers"]) >= 6
    return content["texts"], content["answers"]


def check(found: np.ndarray, answers: dict, texts: list[str]) -> None:
    short = [index for index, text in enumerate(texts) if len(text) < 16]
    assert short
    for client, numbers in answers.items():
        kept = short if client in CUTS_THE_END else range(len(texts))
        for index in kept:
            np.testing.assert_allclose(found[index], numbers[index], atol=1e-4, err_msg=f"{client}: {texts[index]:.40}")


@pytest.fixture(scope="module")
def embedding(fixtures, tmp_path_factory) -> Path:
    """A sentence encoder's bundle of `.onnx` alone."""
    folder = tmp_path_factory.mktemp("hub") / "bundle"
    export_bundle(SentenceEncoder.from_pretrained(fixtures / "bert"), folder, formats="onnx", quantize="none")
    return folder


def test_a_classifiers_bundle_answers_as_the_clients_did(exported):
    texts, answers = recorded("hub_classification.json")
    outputs, _ = as_a_client(exported("roberta").bundle, texts)
    assert list(outputs) == ["logits"]
    scores = np.exp(outputs["logits"] - outputs["logits"].max(-1, keepdims=True))
    check(scores / scores.sum(-1, keepdims=True), answers, texts)


def test_an_embedding_bundle_answers_as_the_clients_did(embedding):
    """fastembed and sentence-transformers pool the first output as 1_Pooling says; others read the second output."""
    texts, answers = recorded("hub_embedding.json")
    outputs, mask = as_a_client(embedding, texts)
    assert list(outputs) == ["last_hidden_state", "sentence_embedding"]
    pooling = read(embedding / "1_Pooling" / "config.json")
    assert [flag for flag, used in pooling.items() if used is True] == ["pooling_mode_mean_tokens"]
    assert pooling["word_embedding_dimension"] == outputs["sentence_embedding"].shape[-1]
    pooled = (outputs["last_hidden_state"] * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    pooled /= np.linalg.norm(pooled, axis=-1, keepdims=True)
    np.testing.assert_allclose(pooled, outputs["sentence_embedding"], atol=1e-6)
    check(outputs["sentence_embedding"], answers, texts)


def test_our_runtime_reads_the_same_file(embedding, fixtures):
    texts = ["a lovely film", ""]
    wanted = SentenceEncoder.from_pretrained(fixtures / "bert").encode(texts)
    np.testing.assert_allclose(load(embedding, file="onnx").encode(texts), wanted, atol=1e-5)


def test_modules_say_how_the_vectors_are_made(embedding):
    listed = [(each["path"], each["type"].rpartition(".")[2]) for each in read(embedding / "modules.json")]
    assert listed == [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    assert read(embedding / "sentence_bert_config.json")["max_seq_length"] == 64
    found = modules.embedding_settings(embedding, limit=512, lower_cases=True)
    assert found == {"pooling": "mean", "prompt": "", "prompts": {}, "max_length": 64}


@pytest.mark.parametrize("pooling", ["cls", "mean", "max"])
def test_the_modules_that_are_written_are_read(tmp_path, pooling):
    settings = Settings(pooling=pooling, prompt="query: ", max_length=20)
    for path, content in modules.written(settings, width=8).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(json.dumps(content), encoding="utf-8")
    found = modules.embedding_settings(tmp_path, limit=512, lower_cases=True)
    assert found == {"pooling": pooling, "prompt": "query: ", "prompts": {"default": "query: "}, "max_length": 20}


@pytest.mark.parametrize("pooling", ["cls", "mean", "additive"])
def test_config_json_names_a_stock_class_whatever_the_pooling(tiny_bert, tmp_path, pooling):
    model = TextClassifier.from_pretrained(tiny_bert, labels=["no", "yes"], pooling=pooling)
    model.write_hub_files(tmp_path)
    config = read(tmp_path / "config.json")
    assert (config["architectures"], config["model_type"]) == (["BertForSequenceClassification"], "bert")
    assert (config["id2label"], config["pad_token_id"]) == ({"0": "no", "1": "yes"}, 0)
    assert config["hidden_size"] == 32


@pytest.mark.parametrize(
    ("kind", "settings", "architecture"),
    [
        (TokenClassifier, {"labels": ["O", "B-PER"]}, "BertForTokenClassification"),
        (FeatureExtractor, {}, "BertModel"),
        (SentenceEncoder, {}, "BertModel"),
    ],
)
def test_config_json_names_the_class_of_the_task(tiny_bert, tmp_path, kind, settings, architecture):
    kind.from_pretrained(tiny_bert, **settings).write_hub_files(tmp_path)
    assert read(tmp_path / "config.json")["architectures"] == [architecture]


def test_a_model_folder_says_how_long_texts_are_and_can_be_written_again(tiny_bert, tmp_path):
    model = SentenceEncoder.from_pretrained(tiny_bert, max_length=20, pooling="max")
    for _ in range(2):  # folders inside a model folder are replaced too
        model.save_pretrained(tmp_path / "model")
    assert read(tmp_path / "model" / "tokenizer_config.json")["model_max_length"] == 20
    assert read(tiny_bert / "tokenizer_config.json")["model_max_length"] == 64
    assert SentenceEncoder.from_pretrained(tmp_path / "model").settings == model.settings
    (tmp_path / "model" / "config.json").write_text(
        json.dumps({k: v for k, v in read(tmp_path / "model" / "config.json").items() if k != "kerasbert"}),
        encoding="utf-8",
    )
    again = SentenceEncoder.from_pretrained(tmp_path / "model")  # by modules.json, as sentence-transformers reads it
    assert again.settings == model.settings


def test_people_may_edit_what_only_the_hubs_clients_read(embedding, tmp_path):
    copy = shutil.copytree(embedding, tmp_path / "copy")
    (copy / "config.json").write_text("{}", encoding="utf-8")
    assert load(copy, file="onnx").encode(["a"]).shape == (1, 32)
    (copy / "tokenizer_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BundleError, match=r"tokenizer_config.json: its bytes are not"):
        load(copy, file="onnx")
