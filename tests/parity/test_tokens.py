"""Token classifiers against what `record_tokens.py` recorded of transformers: logits, and its pipeline's answers."""

import json
from pathlib import Path

import numpy as np
import pytest

from kerasbert import TokenClassifier
from kerasbert.decoding.tags import STRATEGIES, WORD_SCORES

FIXTURES = Path(__file__).parent / "fixtures"
NAMES = ("bert_tokens", "roberta_tokens", "distilbert_tokens")
RECORDED = json.loads((FIXTURES / "token_answers.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=NAMES)
def model(request) -> TokenClassifier:
    opened = TokenClassifier.from_pretrained(FIXTURES / request.param)
    opened.folder = request.param
    return opened


def test_logits_are_those_of_transformers(model):
    assert model.labels == ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
    with np.load(FIXTURES / f"{model.folder}.npz") as arrays:
        for case in ("short", "short_padded", "long", "long_padded"):
            found = model.predict_on_batch({name: arrays[f"{case}.{name}"] for name in model.input})
            real = arrays[f"{case}.attention_mask"].astype(bool)
            np.testing.assert_allclose(found[real], arrays[f"{case}.logits"][real], atol=1e-5, rtol=0)


def _same_words(tokenizer, text: str) -> bool:
    """Whether transformers sees the words that kerasbert sees.

    For byte pairs it has a rule of thumb: a token continues a word unless a space stands before it. So it joins "cute"
    and ".", and splits a word from the token of the space before it.
    """
    (encoding,) = tokenizer.encode([text])
    return tokenizer.kind == "wordpiece" or not ({"Ġ", ".", ",", "!", ";"} & set(encoding.tokens))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_answers_are_those_of_the_pipeline_of_transformers(model, strategy):
    changed = TokenClassifier.from_pretrained(FIXTURES / model.folder, aggregation=strategy)
    wanted = RECORDED["answers"][model.folder][strategy]
    compared = 0
    for text, found, recorded in zip(RECORDED["texts"], changed.predict_text(RECORDED["texts"]), wanted, strict=True):
        if strategy in WORD_SCORES and not _same_words(model.tokenizer, text):
            continue
        words = [each.pop("word") for each in found]
        assert words == [text[each["start"] : each["end"]] for each in found]
        scores = [[each.pop("score") for each in answer] for answer in (found, [dict(each) for each in recorded])]
        np.testing.assert_allclose(*scores, atol=2e-5)
        assert found == [{key: value for key, value in each.items() if key != "score"} for each in recorded]
        compared += len(found)
    assert compared > (0 if model.tokenizer.kind == "bytepair" else 20)
