"""Entities on the page and in JavaScript's program: the places and labels of the library, in UTF-16 units."""

import json
from dataclasses import replace

import numpy as np
import pytest
from chromium import Chromium, find

from kerasbert import runtime
from kerasbert.decoding.tags import STRATEGIES, entities
from kerasbert.export import export_bundle
from kerasbert.export.web import write_page
from kerasbert.tasks.token_classification import GOLDEN

LABELS = ["O", "B-PER", "I-PER", "S-LOC", "MISC"]


def units(text: str, offset: int) -> int:
    """An offset in code points as JavaScript counts it."""
    return len(text[:offset].encode("utf-16-le")) // 2


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_page_joins_tokens_as_the_library(strategy, in_node):
    draw = np.random.default_rng(4)
    texts = []
    for count in (0, 1, 2, 40, 41):
        words = np.cumsum(draw.integers(0, 2, count))
        starts = 3 * np.arange(count)
        scores = draw.dirichlet(np.full(len(LABELS), 0.3), count)
        texts.append((scores, np.stack([starts, starts + 2], axis=1), words))
    asked = [
        [
            {"scores": row.tolist(), "start": int(place[0]), "end": int(place[1]), "word": int(word)}
            for row, place, word in zip(*text, strict=True)
        ]
        for text in texts
    ]
    script = f"""
        import {{ joined }} from "./tasks/token-classification.js";
        const found = asked.map((tokens) => joined(tokens, {json.dumps(LABELS)}, {json.dumps(strategy)}));
    """
    for found, (scores, offsets, words) in zip(in_node(script, asked), texts, strict=True):
        wanted = entities(scores, offsets, words, " " * 200, LABELS, strategy)
        assert len(found) == len(wanted)
        for ours, theirs in zip(found, wanted, strict=True):
            theirs.pop("word")
            assert {name: ours[name] for name in theirs} == pytest.approx(theirs)


@pytest.fixture(scope="module")
def opened(served, tagger, serving, tmp_path_factory):
    """A bundle, its address, and the page in a browser."""
    bundle = tmp_path_factory.mktemp("entities") / "bundle"
    export_bundle(tagger("first"), bundle, formats=("tflite", "onnx"), quantize="none")
    write_page(bundle)
    with serving(bundle) as address, Chromium(find()) as browser:
        browser.open(address + "web/")
        browser.wait_for("document.querySelector('#form:not([hidden])')")
        yield bundle, address, browser


@pytest.mark.slow
@pytest.mark.parametrize("file", ["tflite", "onnx"])
def test_the_check_finds_kerass_entities_windows_and_places(opened, file):
    _, _, browser = opened
    found = browser.evaluate(f"import('/web/bundle.js').then((m) => m.openBundle()).then((b) => b.check('{file}'))")
    assert (found["texts"], found["sameIds"], found["sameAnswers"]) == (len(GOLDEN),) * 3
    assert found["difference"] < 1e-4


@pytest.mark.slow
def test_a_wrong_place_is_found(opened):
    _, _, browser = opened
    found = browser.evaluate("""
        import('/web/bundle.js').then((m) => m.openBundle()).then((b) => {
          b.golden[0].rows[0].offsets[2][0] += 1;
          b.golden[1].answer.push({ ...b.golden[1].answer[0] });
          return b.check('onnx');
        })""")
    assert (found["texts"] - found["sameIds"], found["texts"] - found["sameAnswers"]) == (1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_entities_are_marked_in_the_text(opened, strategy):
    bundle, _, browser = opened
    text = f"😀 {GOLDEN[0]} " * 6  # of several windows
    pipeline = runtime.load(bundle, file="onnx")
    (found,) = pipeline.answered(pipeline.task.examples([text]))
    settings = replace(pipeline.settings, aggregation=strategy)
    wanted = pipeline.task.decode(found.example, found.rows, found.outputs, settings)
    assert len(found.rows) > 1
    browser.evaluate("document.getElementById('file').value = 'onnx'")
    browser.evaluate(f"document.getElementById('choice-aggregation').value = {json.dumps(strategy)}")
    browser.evaluate("document.getElementById('timing').textContent = ''")
    browser.evaluate("document.getElementById('field-text').select()")
    browser.call("Input.insertText", text=text)
    browser.press("Enter")
    browser.wait_for("document.getElementById('timing').textContent")
    marks = browser.evaluate("""[...document.querySelectorAll('mark')].map((mark) =>
        [mark.firstChild.textContent, mark.querySelector('small').textContent, mark.title])""")
    assert [mark[0] for mark in marks] == [each["word"] for each in wanted]
    labels = [each.get("entity_group", each.get("entity")) for each in wanted]
    assert [mark[1] for mark in marks] == labels
    for (_, _, title), each, label in zip(marks, wanted, labels, strict=True):
        assert title.startswith(label)
        assert float(title.split()[-1]) == pytest.approx(each["score"], abs=2e-3)
    shown = browser.evaluate("""(() => { const copy = document.getElementById('marked').cloneNode(true);
        copy.querySelectorAll('small').forEach((each) => each.remove()); return copy.textContent; })()""")
    assert shown == text
    assert browser.errors == []


@pytest.mark.slow
def test_javascripts_program_finds_the_entities(opened, said_by_program):
    bundle, address, _ = opened
    text = GOLDEN[0]
    wanted = runtime.load(bundle)(text)
    assert wanted[-1]["start"] > 1
    said = said_by_program(bundle, address)
    assert len(said) == len(wanted)
    for (label, score, start, end, word), each in zip(said, wanted, strict=True):
        assert (label, word) == (each["entity_group"], each["word"])
        assert (start, end) == (units(text, each["start"]), units(text, each["end"]))
        assert score == pytest.approx(each["score"], abs=1e-4)
