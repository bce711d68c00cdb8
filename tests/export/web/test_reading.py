"""The tasks that read, on the page and in the report's JavaScript programs: the answers of the library."""

import json

import pytest

from kerasbert import runtime
from kerasbert.export.report.snippets import shown_example
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks import task_named


def units(text: str, offset: int) -> int:
    """An offset in code points as JavaScript counts it."""
    return len(text[:offset].encode("utf-16-le")) // 2


def places(example: dict, answer: dict) -> list[int]:
    return [units(example["context"], answer[name]) for name in ("start", "end")]


PRINTED = {
    "question-answering": lambda shown: [
        [each["answer"], each["score"], *places(shown.example, each)] for each in shown.answer
    ],
    "fill-mask": lambda shown: [[each["token_str"], each["score"], each["sequence"]] for each in shown.answer],
    "next-sentence": lambda shown: [[shown.answer["label"]]],
    "multiple-choice": lambda shown: [[shown.answer["choice"], shown.answer["text"], shown.answer["score"]]],
    "extractive-summarization": lambda shown: [
        [each["text"], each["score"], *(units(shown.example["source"], each[name]) for name in ("start", "end"))]
        for each in shown.answer["sentences"]
    ],
    "seq2seq": lambda shown: [[shown.greedy["generated_text"]]],
}
"""Task -> what its program prints for a golden example."""
SHOWN = {
    "question-answering": lambda found: (found[0]["answer"], found[0]["answer"], found[0]["score"]),
    "fill-mask": lambda found: (found[0]["token_str"], found[0]["token_str"], found[0]["score"]),
    "next-sentence": lambda found: (found["label"], found["label"], found["score"]),
    "multiple-choice": lambda found: (found["text"], found["text"], found["score"]),
    "extractive-summarization": lambda found: (
        found["summary_text"],
        found["sentences"][0]["text"],
        found["sentences"][0]["score"],
    ),
    "seq2seq": lambda found: (found["generated_text"], None, None),
}
"""Task -> what the page says is the answer, and the name and the score of its bar, if it has one."""
each_task = pytest.mark.parametrize("opened", PRINTED, indirect=True)


@pytest.mark.slow
@each_task
def test_the_check_finds_kerass_answers_and_rows(opened):
    bundle, _, browser = opened
    count = len(task_named(Manifest.read(bundle).task).golden)
    for file in ("tflite", "onnx"):
        found = browser.evaluate(f"import('/web/bundle.js').then((m) => m.openBundle()).then((b) => b.check('{file}'))")
        assert (found["texts"], found["sameIds"], found["sameAnswers"]) == (count,) * 3
        assert found["difference"] < 1e-4


@pytest.mark.slow
@each_task
def test_an_example_is_answered_with_a_click(opened):
    bundle, _, browser = opened
    manifest = Manifest.read(bundle)
    clicked = browser.evaluate("""(() => {
        const button = document.querySelector("#examples button:not([hidden])");
        document.getElementById("timing").textContent = "";
        button.click();
        return button.example;
    })()""")
    browser.wait_for("document.getElementById('timing').textContent")
    assert clicked == shown_example(bundle, manifest).example
    boxes = browser.evaluate("[...document.querySelectorAll('textarea')].map((each) => each.value)")
    assert boxes == [value if isinstance(value, str) else "\n".join(value) for value in clicked.values()]
    label, name, score = SHOWN[manifest.task](runtime.load(bundle)(*clicked.values()))
    assert browser.evaluate("document.getElementById('answer').textContent") == label
    best = "document.querySelector('.best meter')"
    assert browser.evaluate(f"{best}?.ariaLabel") == name
    assert browser.evaluate(f"{best}?.value") == (score and pytest.approx(score, abs=1e-3))
    assert browser.errors == []


@pytest.mark.slow
@each_task
def test_javascripts_program_prints_the_golden_answer(opened, said_by_program):
    bundle, address, _ = opened
    manifest = Manifest.read(bundle)
    shown = shown_example(bundle, manifest)
    wanted = PRINTED[manifest.task](shown)
    said = said_by_program(bundle, address)
    assert len(said) == len(wanted)
    for ours, theirs in zip(said, wanted, strict=True):
        assert ours == [pytest.approx(each, abs=1e-4) if isinstance(each, float) else each for each in theirs]


@pytest.mark.slow
@pytest.mark.parametrize("opened", ["fill-mask"], indirect=True)
def test_words_are_written_in_place_of_masks(opened):
    """The best word of each mask is marked in the text, which keeps its letters and spaces."""
    bundle, _, browser = opened
    text = "\U0001f600 The [MASK] was  clean, and the [MASK] were KIND."
    wanted = [found[0] for found in runtime.load(bundle)(text)]
    browser.evaluate("document.getElementById('timing').textContent = ''")
    browser.evaluate(f"document.getElementById('field-text').value = {json.dumps(text)}")
    browser.evaluate("document.getElementById('ask').click()")
    browser.wait_for("document.getElementById('timing').textContent")
    marks = browser.evaluate("""[...document.querySelectorAll('mark')].map((mark) =>
        [mark.firstChild.textContent, Number(mark.querySelector('small').textContent)])""")
    words = [each["token_str"].removeprefix("##") for each in wanted]
    assert marks == [[word, pytest.approx(each["score"], abs=2e-3)] for word, each in zip(words, wanted, strict=True)]
    shown = browser.evaluate("""(() => { const copy = document.getElementById('marked').cloneNode(true);
        copy.querySelectorAll('small').forEach((each) => each.remove()); return copy.textContent; })()""")
    for word, each in zip(words, wanted, strict=True):
        text = text.replace(" [MASK]" if each["token_str"].startswith("##") else "[MASK]", word, 1)
    assert shown == text


TYPED = """(() => { const box = document.getElementById("field-source"); box.focus(); box.select(); })()"""
ANSWER = "document.getElementById('answer').textContent"


@pytest.mark.slow
@pytest.mark.parametrize("opened", ["seq2seq"], indirect=True)
def test_a_text_is_translated_while_it_is_typed(opened):
    """By one key after another, the last of which counts; and again, when all is deleted."""
    bundle, _, browser = opened
    text = "\U0001f600 the film was great, and the staff was rude"
    browser.evaluate("document.getElementById('timing').textContent = ''")
    browser.evaluate(TYPED)
    for part in text.split(" "):
        browser.call("Input.insertText", text=f"{part} ")
    wanted = runtime.load(bundle)(text)
    browser.wait_for(f"{ANSWER} === {json.dumps(wanted['generated_text'])}")
    said = "ended" if wanted["finished"] else "stopped after 12 tokens"
    note = browser.evaluate("document.getElementById('note').textContent")
    assert said in note
    assert f"score {wanted['score']:.3f}" in note
    browser.evaluate(TYPED)
    browser.press("Backspace")
    browser.wait_for(f"{ANSWER} === 'no text'")
    assert browser.errors == []


@pytest.mark.slow
@pytest.mark.parametrize("opened", ["seq2seq"], indirect=True)
def test_a_new_key_stops_the_old_text(opened):
    """A run ends at the step in which its signal says so, and gives no answer."""
    _, _, browser = opened
    found = browser.evaluate("""(async () => {
        const bundle = await (await import("/web/bundle.js")).openBundle(), stop = new AbortController();
        let steps = 0;
        const model = await bundle.open("onnx"), { decoder_step } = model.runs;
        model.runs.decoder_step = (rows) => {
            steps += 1;
            if (steps === 4) stop.abort();
            return decoder_step(rows);
        };
        const asked = bundle.ask("onnx", { source: "the film was great" }, {}, stop.signal);
        return [await asked.then(() => "answered", (error) => error.name), steps];
    })()""")
    assert found == ["AbortError", 4]


@pytest.mark.slow
@pytest.mark.parametrize("opened", ["seq2seq"], indirect=True)
@pytest.mark.parametrize("beams", [1, 3])
def test_long_sources_and_other_beams_are_answered_as_by_the_runtime(opened, beams):
    bundle, _, browser = opened
    texts = ["Good.", "One day. " * 20, "A man met Dr. Smith in 3 rooms, " * 8 + "and left. The end."]
    wanted = [runtime.load(bundle)(text, num_beams=beams) for text in texts]
    for file in ("tflite", "onnx"):
        script = f"bundle.ask('{file}', {{ source: text }}, {{ num_beams: {beams} }})"
        found = browser.evaluate(f"""import("/web/bundle.js").then((m) => m.openBundle()).then(async (bundle) => {{
            const found = [];
            for (const text of {json.dumps(texts)}) found.push(await {script});
            return found;
        }})""")
        assert [each["label"] for each in found] == [each["generated_text"] for each in wanted]
