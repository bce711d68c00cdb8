"""Questions on the page and in the report's programs: the windows and answers of the library, in UTF-16 units."""

from dataclasses import asdict

import numpy as np
import pytest
from chromium import Chromium

from kerasbert import runtime
from kerasbert.export.web.characters import describe_characters
from kerasbert.tasks.question_answering import GOLDEN, TASK, Settings
from kerasbert.tasks.task import Example
from kerasbert.tokenizers import WordPieceTokenizer

QUESTION, CONTEXT = GOLDEN[0].fields.values()
LOGITS = ("start_logits", "end_logits")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
OUTSIDE = Example({"question": " ".join(LETTERS), "context": "😀 a b c"})
"""Its 20 best places can all be in the question."""


def units(text: str, offset: int) -> int:
    """An offset in code points as JavaScript counts it."""
    return len(text[:offset].encode("utf-16-le")) // 2


def drawn(tokens: int, draw: np.random.Generator, *, outside: bool) -> list[float]:
    """Random logits; those of the question are the largest ones if `outside`."""
    logits = draw.normal(0, 3, tokens)
    logits[1 : 1 + len(LETTERS)] += 100 * outside
    return logits.tolist()


@pytest.mark.parametrize("settings", [{}, {"handle_impossible_answer": True, "null_score_diff_threshold": -1.0}])
def test_the_page_makes_windows_and_answers_as_the_library(settings, in_node):
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *LETTERS, *(f"##{letter}" for letter in LETTERS), "?", "😀"]
    tokenizer, draw = WordPieceTokenizer(pieces), np.random.default_rng(2)
    settings = Settings(max_length=48, stride=9, max_answer_length=7, **settings)
    cases = []
    for example in (*GOLDEN, OUTSIDE):
        windows = TASK.rows(tokenizer, example, settings)
        outputs = [{name: drawn(len(row), draw, outside=example is OUTSIDE) for name in LOGITS} for row in windows]
        cases.append((example, windows, outputs))
    asked = {
        "vocabulary": "\n".join(pieces),
        "characters": describe_characters(tokenizer.options()),
        "settings": asdict(settings),
        "cases": [{"texts": list(example.fields.values()), "outputs": outputs} for example, _, outputs in cases],
    }
    script = """
        import { WordPiece } from "./wordpiece.js";
        import { answers, rows } from "./tasks/question-answering.js";
        const tokenizer = new WordPiece(asked.vocabulary, asked.characters, []);
        const found = asked.cases.map(({ texts, outputs }) => {
          const windows = rows(tokenizer, texts, asked.settings);
          const said = windows.map(({ input_ids, token_type_ids, kept }) => [input_ids, token_type_ids, kept]);
          return [said, answers({ texts, rows: windows, outputs }, asked.settings)];
        });
    """
    assert max(len(windows) for _, windows, _ in cases) > 10
    for (example, windows, outputs), (rows, answers) in zip(cases, in_node(script, asked), strict=True):
        wanted = [[row.encoding.ids, row.encoding.type_ids, [row.kept.start, row.kept.stop]] for row in windows]
        assert rows == wanted
        logits = {name: [np.array(output[name]) for output in outputs] for name in LOGITS}
        context = example.fields["context"]
        for top_k in (1, 20):
            best = TASK.decode(example, windows, logits, Settings(**{**asdict(settings), "top_k": top_k}))
            best = [best] if top_k == 1 else best
            assert [each["answer"] for each in answers[:top_k]] == [each["answer"] for each in best]
            for ours, theirs in zip(answers, best, strict=False):
                assert (ours["start"], ours["end"]) == tuple(units(context, theirs[name]) for name in ("start", "end"))
                assert ours["score"] == pytest.approx(theirs["score"])


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["", "a"], "the question is empty; give it some text"),
        (["a", " "], "the context is empty; give it some text"),
        (["a b c d e", "a"], "the question takes 8 of 8 tokens and leaves no room for the context; shorten it"),
    ],
)
def test_the_page_says_what_it_cannot_answer(texts, said, in_node):
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcde"])
    asked = {"vocabulary": "\n".join(tokenizer.pieces), "characters": describe_characters(tokenizer.options())}
    script = """
        import { WordPiece } from "./wordpiece.js";
        import { rows } from "./tasks/question-answering.js";
        const tokenizer = new WordPiece(asked.vocabulary, asked.characters, []);
        let found;
        try { rows(tokenizer, asked.texts, { max_length: 8, stride: 2 }); } catch (error) { found = error.message; }
    """
    assert in_node(script, {**asked, "texts": texts}) == said


@pytest.mark.slow
@pytest.mark.parametrize("opened", ["question-answering"], indirect=True)
def test_a_wrong_place_of_a_context_is_found(opened):
    found = opened[2].evaluate("""
        import('/web/bundle.js').then((m) => m.openBundle()).then((b) => {
          b.golden[0].rows[0].offsets.at(-2)[0] += 1;
          b.golden[1].answer[0].start += 1;
          return b.check('onnx');
        })""")
    assert (found["texts"] - found["sameIds"], found["texts"] - found["sameAnswers"]) == (1, 1)


def ask(browser: Chromium, question: str, context: str) -> None:
    browser.evaluate("document.getElementById('timing').textContent = ''")
    for name, text in (("context", context), ("question", question)):
        browser.evaluate(f"document.getElementById('field-{name}').select()")
        browser.call("Input.insertText", text=text)
    browser.press("Enter")
    refused = "document.getElementById('status').textContent.startsWith('No answer')"
    browser.wait_for(f"document.getElementById('timing').textContent || {refused}")


@pytest.mark.slow
@pytest.mark.parametrize("opened", ["question-answering"], indirect=True)
def test_the_answer_is_marked_in_the_context(opened):
    bundle, _, browser = opened
    context = " ".join([CONTEXT] * 8)  # of several windows
    wanted = runtime.load(bundle)(QUESTION, context)[0]
    ask(browser, QUESTION, context)
    (mark,) = browser.evaluate("""[...document.querySelectorAll('mark')].map((mark) =>
        [mark.firstChild.textContent, mark.querySelector('small').textContent])""")
    assert mark[0] == wanted["answer"]
    assert float(mark[1]) == pytest.approx(wanted["score"], abs=2e-3)
    before = browser.evaluate("document.querySelector('mark').previousSibling.textContent")
    assert before == context[: wanted["start"]]
    shown = browser.evaluate("document.getElementById('marked').textContent")
    assert shown == context[: wanted["end"]] + mark[1] + context[wanted["end"] :]
    assert browser.evaluate("document.getElementById('answer').textContent") == wanted["answer"]
    assert browser.evaluate("document.querySelector('.best meter').ariaLabel") == wanted["answer"]
    ask(browser, "", context)
    assert browser.evaluate("document.getElementById('status').textContent").endswith(
        "the question is empty; give it some text"
    )
    assert browser.errors == []
