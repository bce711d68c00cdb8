"""The files of an explanation: JSON, a page that needs no network, and a picture."""

import base64
import dataclasses
import json
import re

import numpy as np
import pytest
from chromium import Chromium, find
from conftest import small_vocabulary
from families import small_model

import kerasbert as kb
from kerasbert.errors import ConfigError, DataError

PIECES = small_vocabulary()
TEXT = "the 🎬 film </script> was good"


@pytest.fixture(scope="module")
def explanation():
    model = small_model("roberta", "text-classification", PIECES)
    return kb.explain(model, TEXT, "这 no", attention=True)


@pytest.fixture(scope="module")
def folder(explanation, tmp_path_factory):
    made = tmp_path_factory.mktemp("explanation")
    for ending in ("json", "html", "png"):
        explanation.save(made / f"why.{ending}")
    return made


def test_json_has_everything(explanation, folder):
    found = json.loads((folder / "why.json").read_text(encoding="utf-8"))
    (attention,) = found.pop("attention")
    assert list(found) == ["task", "method", "fields", "answer", "baseline", "attributions"]
    assert found["fields"] == {"text": TEXT, "text_pair": "这 no"}
    assert found["answer"] == explanation.answer
    (one,) = found["attributions"]
    assert {*one} == {*vars(explanation.attributions[0])}
    assert {*one["words"][0]} == {"text", "field", "start", "end", "attribution"}
    assert sum(each["attribution"] for each in one["tokens"]) == pytest.approx(
        one["score"] - one["baseline_score"], rel=0.01
    )
    assert attention["tokens"] == list(explanation.attention[0].tokens)
    np.testing.assert_allclose(attention["weights"], explanation.attention[0].weights, atol=1e-6)


def test_without_attention_there_is_none_in_the_json(tmp_path):
    model = small_model("bert", "token-classification", PIECES)
    kb.explain(model, TEXT, steps=2).save(tmp_path / "why.json")
    assert "attention" not in json.loads((tmp_path / "why.json").read_text(encoding="utf-8"))


def test_the_page_holds_its_data_and_fetches_nothing(explanation, folder):
    page = (folder / "why.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|src=|url\(|@import", page)
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    (attention,) = json.loads(data)["attention"]
    numbers = np.frombuffer(base64.b64decode(attention["weights"]), "<u2").reshape(attention["shape"])
    np.testing.assert_allclose(numbers / 65535, explanation.attention[0].weights, atol=1e-5)


def test_the_picture_is_as_wide_as_the_lines(folder):
    picture = (folder / "why.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20], "big") == 1200


def test_a_picture_that_would_be_too_high_is_refused(explanation, tmp_path):
    many = dataclasses.replace(explanation, attributions=explanation.attributions * 1000)
    with pytest.raises(DataError, match=r"a picture of 1000 explained logits would be .* write a \.html file"):
        many.save(tmp_path / "why.png")
    assert not list(tmp_path.iterdir())


def test_another_ending_is_refused_and_nothing_is_written(explanation, tmp_path):
    with pytest.raises(ConfigError, match=r"why\.txt: name a file that ends in \.html, \.png, \.json"):
        explanation.save(tmp_path / "why.txt")
    assert not list(tmp_path.iterdir())


def test_the_page_works_in_a_browser(explanation, folder):
    if find() is None:
        pytest.skip("needs Chromium: apt-get install chromium, or its path in $CHROMIUM")
    words, tokens = explanation.attributions[0].words, explanation.attributions[0].tokens
    with Chromium(find()) as tab:
        tab.open((folder / "why.html").as_uri())
        tab.wait_for("document.querySelectorAll('#row span').length")
        marks = "Array.from(document.querySelectorAll('mark'), (each) => each."
        assert tab.evaluate(f"{marks}textContent)") == [each.text for each in words]
        assert tab.evaluate("document.querySelector('.text').textContent") == TEXT
        titles = [f"{each.attribution:+.4f}".replace("-", "−") for each in words]
        assert tab.evaluate(f"{marks}title)") == titles
        tab.evaluate("document.querySelector('[value=tokens]').click()")
        assert tab.evaluate("document.querySelectorAll('mark').length") == len(tokens)
        assert tab.evaluate("document.querySelector('.text').textContent") == TEXT
        weights = explanation.attention[0].weights
        tab.evaluate(
            "find('layer').value = 0; find('head').value = 1; find('head').dispatchEvent(new Event('change'));"
            "document.querySelectorAll('#row span')[2].dispatchEvent(new Event('mouseenter'))"
        )
        said = tab.evaluate("document.querySelectorAll('#row span')[4].title")
        assert said == f"{tokens[1].text} to {tokens[3].text}: {weights[0, 1, 2, 4]:.4f}"
        assert tab.errors == []
        assert all(url.startswith("file:") for url in tab.requests)
