"""Extractive summaries on the page: the sentences, rows and answers of the library, in UTF-16 units, and the marks."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from kerasbert import runtime
from kerasbert.export.web.characters import describe_characters
from kerasbert.tasks.extractive_summarization import GOLDEN, TASK, Settings
from kerasbert.tasks.sources import Source
from kerasbert.tokenizers import WordPieceTokenizer

LETTERS = "abcdefghijklmnopqrstuvwxyz"
REPEATED = ["We met Bo in Oslo.", "Ann met Bo in Oslo too.", " ", "Bo left.", "😀 met bo IN, oslo!"]


def units(text: str, offset: int) -> int:
    """An offset in code points as JavaScript counts it."""
    return len(text[:offset].encode("utf-16-le")) // 2


@pytest.mark.parametrize("changes", [{}, {"trigram_blocking": False, "top_k": 5}])
def test_the_page_makes_rows_and_answers_as_the_library(changes, in_node):
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *LETTERS, *(f"##{letter}" for letter in LETTERS), ".", "😀"]
    tokenizer, draw = WordPieceTokenizer(pieces), np.random.default_rng(2)
    settings, cases = Settings(max_length=48, **changes), []
    for example in (*TASK.golden, *TASK.examples([REPEATED, "\nA b.\n\nC d. ", ""])):
        rows = TASK.rows(tokenizer, example, settings)
        cases.append((example, rows, [draw.normal(0, 3, len(row)).tolist() for row in rows]))
    asked = {
        "vocabulary": "\n".join(pieces),
        "characters": describe_characters(tokenizer.options()),
        "settings": asdict(settings),
        "cases": [
            {"texts": list(example.fields.values()), "outputs": [{"logits": each} for each in logits]}
            for example, _, logits in cases
        ],
    }
    script = """
        import { WordPiece } from "./wordpiece.js";
        import { answer, rows } from "./tasks/extractive-summarization.js";
        const tokenizer = new WordPiece(asked.vocabulary, asked.characters, []);
        const found = asked.cases.map(({ texts, outputs }) => {
          const made = rows(tokenizer, texts, asked.settings);
          const said = made.map((row) => [row.input_ids, row.token_type_ids, row.kept, row.firsts, row.offsets]);
          return [said, answer({ texts, rows: made, outputs }, asked.settings).sentences];
        });
    """
    assert max(len(rows) for _, rows, _ in cases) > 10
    for (example, rows, logits), (made, sentences) in zip(cases, in_node(script, asked), strict=True):
        text = Source.of(example.fields["source"]).text
        assert made == [
            [
                row.inputs["input_ids"],
                row.inputs["token_type_ids"],
                [row.kept.start, row.kept.stop],
                list(row.firsts),
                [[units(text, place) for place in each] for each in row.encoding.offsets],
            ]
            for row in rows
        ]
        wanted = TASK.decode(example, rows, {"logits": [np.array(each) for each in logits]}, settings)["sentences"]
        assert sentences == [
            {
                **each,
                "start": units(text, each["start"]),
                "end": units(text, each["end"]),
                "score": pytest.approx(each["score"]),
            }
            for each in wanted
        ]


@pytest.mark.slow
@pytest.mark.parametrize("opened", ["extractive-summarization"], indirect=True)
def test_the_chosen_sentences_are_marked_in_the_text(opened):
    bundle, _, browser = opened
    text = f"{GOLDEN[0]} {' '.join(f'On day {day} the film was good.' for day in range(9))}"
    wanted = runtime.load(bundle)(text)
    browser.evaluate("document.getElementById('timing').textContent = ''")
    browser.evaluate(f"document.getElementById('field-source').value = {json.dumps(text)}")
    browser.evaluate("document.getElementById('ask').click()")
    browser.wait_for("document.getElementById('timing').textContent")
    marks = browser.evaluate("""[...document.querySelectorAll('mark')].map((mark) =>
        [mark.firstChild.textContent, Number(mark.querySelector('small').textContent)])""")
    assert marks == [[each["text"], pytest.approx(each["score"], abs=2e-3)] for each in wanted["sentences"]]
    assert browser.evaluate("document.getElementById('answer').textContent") == wanted["summary_text"]
    bars = browser.evaluate("[...document.querySelectorAll('.best meter')].map((each) => each.ariaLabel)")
    assert bars == [each["text"] for each in wanted["sentences"]]
    assert browser.errors == []
