"""A bundle opened without TensorFlow, and asked all sorts of things."""

import copy as copies
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kerasbert import tokenizers
from kerasbert.errors import BundleError, ConfigError, TokenizerError
from kerasbert.runtime import Pipeline, load
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks.task import Graph, Input, Output

FILES = ("tflite", "onnx", "tflite-int8")
ROBERTA = Path(__file__).parents[1] / "parity" / "fixtures" / "roberta"
TEXTS = [" ".join(["the film was good" if i % 2 else "a rude hotel"] * (7 * i % 9)) for i in range(70)]
"""Texts of 0 to 32 words, with neighbours of different length."""


@pytest.fixture(params=FILES)
def classify(request, tiny_bundle):
    return load(tiny_bundle, file=request.param)


def test_one_text_gives_one_answer_and_a_list_a_list(classify):
    one = classify("the film was lovely")
    assert one.keys() == {"label", "score"}
    assert one["label"] == "positive"
    answers = classify(["the film was lovely", "the hotel was rude", "the film was lovely"])
    assert [answer["label"] for answer in answers] == ["positive", "negative", "positive"]
    assert answers[0] == answers[2]
    assert answers[0]["score"] == pytest.approx(one["score"], abs=1e-6)
    assert classify(("the hotel was rude",)) == classify(["the hotel was rude"])
    assert classify(text for text in ["the hotel was rude"]) == classify(["the hotel was rude"])
    assert classify(np.array(["the hotel was rude"]).tolist()) == classify(["the hotel was rude"])


def test_other_settings_are_those_that_the_answers_have(classify):
    classify.settings = replace(classify.settings, labels=("bad", "good"))
    assert classify("the film was lovely")["label"] == "good"


def test_a_call_says_what_to_see_of_its_answers(classify):
    usual, logits = classify("the film was lovely"), classify.predict_logits("the film was lovely")[0]
    scores = np.exp(logits) / np.exp(logits).sum()
    every = classify("the film was lovely", all_scores=True)
    assert {each["label"]: each["score"] for each in every} == pytest.approx(
        dict(zip(classify.settings.labels, scores.tolist(), strict=True))
    )
    assert every[0] == usual
    assert classify(["the film was lovely"], top_k=1) == [[usual]]
    with pytest.raises(ConfigError, match=r"^threshold means nothing to this model"):
        classify("the film was lovely", threshold=0.5)


def test_pairs_come_as_two_arguments_or_as_tuples(classify):
    one = classify("the film", "was lovely")
    assert classify(["the film"], ["was lovely"])[0] == one
    assert classify([("the film", "was lovely")])[0] == one
    assert classify.predict_logits(["the film"], ["was lovely"]) != pytest.approx(
        classify.predict_logits(["the film was lovely"]), abs=1e-6
    )


def test_nothing_asked_is_nothing_answered(classify):
    assert classify([]) == []
    assert classify([], []) == []
    for nothing in (classify.predict_logits([]), classify.predict_logits([], [])):
        assert (nothing.shape, nothing.dtype) == ((0, 2), np.float32)


@pytest.mark.parametrize(
    "text",
    ["", " ", "\0\1\x7f\u200b", "😀👍🏽🏳️‍🌈", "a\r\nb\tc", "\ud800", "x" * 1_000_000, "good " * 200_000, "电" * 300_000],
    ids=["empty", "space", "control", "emoji", "lines", "surrogate", "a word of 1 MB", "1 MB", "900 kB of Chinese"],
)
def test_any_text_gets_an_answer(classify, text):
    answer = classify(text)
    assert answer["label"] in ("negative", "positive")
    assert 0.5 <= answer["score"] <= 1.0
    assert classify([text, "good"])[0]["score"] == pytest.approx(answer["score"], abs=1e-5)


@pytest.mark.parametrize("file", [*FILES, "onnx-int8"])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_text_has_the_same_answer_alone_and_in_a_batch(tiny_bundle, file, threads):
    answer = load(tiny_bundle, file=file, threads=threads)
    wanted = np.concatenate([answer.predict_logits([text]) for text in TEXTS])
    assert wanted.dtype == np.float32
    for texts in (TEXTS, TEXTS * 20):
        found = answer.predict_logits(texts)
        np.testing.assert_allclose(found, np.tile(wanted, (len(texts) // len(TEXTS), 1)), atol=1e-5)


def test_answers_come_one_by_one_and_in_order(classify):
    examples = classify.task.examples(TEXTS)
    assert [each["label"] for each in classify.answers(iter(examples))] == [each["label"] for each in classify(TEXTS)]


def test_a_string_is_never_taken_for_its_letters(classify):
    assert classify.predict_text("the film was lovely" * 5) == [classify("the film was lovely" * 5)]
    assert len(classify.predict_logits("the film", "was lovely")) == 1


@pytest.mark.parametrize("pairs", [[], ["one"], ["one"] * 40])
def test_as_many_second_texts_as_texts_are_wanted(classify, pairs):
    said = rf"32 in text, {len(pairs)} in text_pair; each example needs one value of each"
    with pytest.raises(TokenizerError, match=said):
        classify(["good"] * 32, pairs)


@pytest.mark.parametrize("wrong", [[None], [3], ["good", b"good"], [["good", "bad"]]])
def test_what_is_no_text_is_named(classify, wrong):
    with pytest.raises(TokenizerError, match=r"^text\[\d\] is .*, not a string$"):
        classify(wrong)


def test_a_pipeline_is_pickled_as_its_bundle_file_and_threads(tiny_bundle, monkeypatch):
    monkeypatch.chdir(tiny_bundle.parent)
    answer = load(tiny_bundle.name, file="tflite-int8", threads=2, check=False)
    dumped = pickle.dumps(answer)
    monkeypatch.chdir("/")
    for again in (pickle.loads(dumped), copies.deepcopy(answer)):
        np.testing.assert_array_equal(again.predict_logits(TEXTS), answer.predict_logits(TEXTS))


def test_a_pipeline_of_functions_says_that_it_cannot_be_pickled(classify):
    made = Pipeline(classify.manifest, classify.tokenizer, classify.runs)
    with pytest.raises(BundleError, match=r"^this Pipeline was made from functions, which cannot be pickled; make it"):
        pickle.dumps(made)


def test_a_model_with_segments_gets_them_from_a_tokenizer_that_has_none():
    """As a RoBERTa with two segments does: its tokenizer counts everything to the first."""
    graph = Graph(
        "model",
        (Input("input_ids", pad=1), Input("attention_mask"), Input("token_type_ids")),
        (Output("logits", "row", "choice", 2),),
    )
    manifest = Manifest(
        task="text-classification",
        settings={
            "labels": ["a", "b"],
            "problem_type": "single_label_classification",
            "pooling": "cls",
            "max_length": 16,
            "pairs": None,
        },
        graphs=[graph],
        lengths=[16],
        tokenizer={"kind": "bytepair"},
        files={},
        checksums={"tokenizer.json": "a" * 64, "golden.json": "b" * 64},
        versions={},
    )
    asked = []

    def run(batch):
        asked.append(batch)
        return {"logits": np.zeros((len(batch["input_ids"]), 2), "float32")}

    Pipeline(manifest, tokenizers.load(ROBERTA), {"model": run}).predict_logits(["a dog"], ["a cat"])
    assert list(asked[0]) == ["input_ids", "attention_mask", "token_type_ids"]
    assert asked[0]["token_type_ids"].tolist() == [[0] * 10]


def test_an_output_that_the_bundle_does_not_have_is_one_clear_line(classify):
    with pytest.raises(BundleError, match=r"^this bundle has no embedding: text-classification gives logits$"):
        classify.encode(["a"])
