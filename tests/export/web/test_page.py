"""The page, in a headless Chromium."""

import shutil
from pathlib import Path

import pytest
from chromium import Chromium, find

from kerasbert import SentenceEncoder, TextClassifier, runtime
from kerasbert.export import export_bundle
from kerasbert.export.formats.mediapipe.device_tokenizer import read_differently
from kerasbert.export.web import PACKAGES, write_page
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks.golden import EXAMPLES, TEXTS


def files_of(bundle: Path) -> dict:
    return {name: file for name, file in Manifest.read(bundle).files.items() if file.kind in PACKAGES}


@pytest.mark.slow
def test_a_user_types_a_text_and_reads_the_runtimes_answer(page, served, asked):
    bundle, _ = served
    for name, file in files_of(bundle).items():
        for text, pair in (("the film was great", None), ("the Café was awful", "a very rude answer"), ("", None)):
            expected = runtime.load(bundle, file=name)(text, pair)
            shown = asked(page, name, text, pair or "")
            assert shown["answer"] == expected["label"]
            tolerance = 1e-3 if file.precision == "float32" else 0.05
            assert shown["scores"][expected["label"]] == pytest.approx(expected["score"], abs=tolerance)
            assert "tokens in" in shown["timing"]
            assert shown["status"] == ""


@pytest.mark.slow
def test_the_check_finds_kerass_answers_to_the_golden_texts(page, served):
    bundle, _ = served
    page.evaluate("document.getElementById('check').click()")
    page.wait_for("!document.getElementById('check').disabled")
    rows = page.evaluate(
        "[...document.querySelectorAll('tbody tr')].map((r) => [...r.cells].map((c) => c.textContent))"
    )
    assert [row[0] for row in rows] == list(files_of(bundle))
    assert page.evaluate("document.querySelectorAll('tbody .wrong').length") == 0
    count = str(len(EXAMPLES))
    for (name, texts, same_ids, same_answers, difference, _), file in zip(rows, files_of(bundle).values(), strict=True):
        assert (texts, same_ids) == (count, count), name
        if file.precision == "float32":
            assert (same_answers, float(difference) < 1e-3) == (count, True), name


# MediaPipe's runtime reports its use to Google once a minute, unless the page forbids it; here the minute is short.
SOONER = """
    window.sooner = 0;
    window.setInterval = ((set) => (run, milliseconds) =>
        set(() => { run(); window.sooner += 1; }, milliseconds / 600))(window.setInterval);
"""


@pytest.mark.slow
def test_mediapipe_in_the_browser_answers_what_its_tokenizer_reads(served, tiny_classifier, tmp_path, serving, asked):
    bundle = tmp_path / "bundle"
    model = TextClassifier.from_pretrained(tiny_classifier)
    export_bundle(model, bundle, formats="mediapipe", quantize="none")
    write_page(bundle)
    with serving(bundle) as address, Chromium(find()) as browser:
        browser.call("Page.addScriptToEvaluateOnNewDocument", source=SOONER)
        browser.open(address + "web/")
        browser.wait_for("document.querySelector('#form:not([hidden])')")
        found = browser.evaluate(
            "import('/web/bundle.js').then((m) => m.openBundle()).then((b) => b.check('mediapipe'))"
        )
        assert found["texts"] == len(TEXTS)
        assert set(found["differing"]) <= set(read_differently(model.tokenizer, TEXTS, max_length=model.max_length))
        text = "a warm and friendly room"
        assert asked(browser, "mediapipe", text)["answer"] == model.predict_text([text])[0]["label"]
        browser.wait_for("window.sooner > 0")  # the runtime has set a timer for its report
        browser.evaluate("new Promise((done) => setTimeout(done, 500))")
        assert {url[: len(address)] for url in browser.requests} == {address}


@pytest.mark.slow
def test_an_embedding_bundle_shows_how_alike_two_texts_are(served, tiny_bert, tmp_path, serving, asked):
    """The model has a prompt, which every file gets before each text."""
    model = SentenceEncoder.from_pretrained(tiny_bert, max_length=16, prompt="the good: ")
    export_bundle(model, tmp_path / "bundle", formats=("tflite", "mediapipe"), quantize="none")
    write_page(tmp_path / "bundle")
    first, second = "the film was great", "a very rude answer"
    with serving(tmp_path / "bundle") as address, Chromium(find()) as browser:
        browser.open(address + "web/")
        browser.wait_for("document.querySelector('#form:not([hidden])')")
        found = browser.evaluate("import('/web/bundle.js').then((m) => m.openBundle()).then((b) => b.check('tflite'))")
        assert (found["sameIds"], found["sameAnswers"]) == (found["texts"], found["texts"])
        assert found["difference"] < 1e-4
        a, b = model.encode([first, second])
        assert asked(browser, "tflite", first, second)["scores"]["likeness"] == pytest.approx(float(a @ b), abs=1e-4)
        other = browser.evaluate(
            "import('/web/bundle.js').then((m) => m.openBundle()).then((b) => b.check('mediapipe'))"
        )
        prompted = {model.settings.prompt + text: text for text in TEXTS}
        misread = read_differently(model.tokenizer, prompted, max_length=model.max_length)
        assert other["texts"] == len(TEXTS)
        assert set(other["differing"]) <= {prompted[text] for text in misread}


@pytest.mark.slow
def test_a_bundle_with_byte_pairs_answers_as_keras_does(served, fixtures, tmp_path, serving):
    model = TextClassifier.from_pretrained(fixtures / "roberta_classifier", max_length=16)
    export_bundle(model, tmp_path / "bundle", formats="tflite", quantize="none")
    write_page(tmp_path / "bundle")
    with serving(tmp_path / "bundle") as address, Chromium(find()) as browser:
        browser.open(address + "web/")
        browser.wait_for("document.querySelector('#form:not([hidden])')")
        found = browser.evaluate("import('/web/bundle.js').then((m) => m.openBundle()).then((b) => b.check('tflite'))")
        assert (found["sameIds"], found["sameAnswers"]) == (found["texts"], found["texts"])
        assert found["difference"] < 1e-4


@pytest.mark.slow
def test_the_command_line_adds_the_page(served, run, tiny_classifier, tmp_path):
    bundle = tmp_path / "bundle"
    result = run("export", tiny_classifier, "--format", "tflite", "--quantize", "none", "--web", "--out", bundle)
    assert result.exit_code == 0, result.stderr
    assert f"python -m http.server --directory {bundle}" in result.stdout
    assert {"index.html", "page.js", "vendor"} <= {path.name for path in (bundle / "web").iterdir()}
    assert [path.name for path in (bundle / "web" / "vendor").iterdir()] == ["@litertjs"]  # nothing that is not needed


@pytest.mark.slow
def test_nothing_comes_from_elsewhere_and_nothing_is_logged(page, served):
    assert {url[: len(served[1])] for url in page.requests} == {served[1]}
    assert page.errors == []


@pytest.mark.slow
def test_an_example_is_asked_with_a_click(page):
    page.evaluate("document.getElementById('timing').textContent = ''")
    page.evaluate("[...document.querySelectorAll('#examples button')].find((b) => b.textContent == 'Good.').click()")
    page.wait_for("document.getElementById('timing').textContent")
    assert page.evaluate("document.getElementById('field-text').value") == "Good."


@pytest.mark.slow
def test_a_file_that_is_gone_or_broken_is_said_so(served, tmp_path, serving):
    bundle = tmp_path / "bundle"
    shutil.copytree(served[0], bundle)
    (bundle / "onnx/model.onnx").write_bytes(bytes((bundle / "onnx/model.onnx").stat().st_size))
    with open(bundle / "model_int8.tflite", "ab") as stream:
        stream.write(b"more")
    (bundle / "model.tflite").unlink()
    with serving(bundle) as address, Chromium(find()) as browser:
        browser.open(address + "web/")
        browser.wait_for("document.querySelector('#form:not([hidden])')")
        for name in ("onnx", "tflite", "tflite-int8"):
            browser.evaluate(
                f"document.getElementById('file').value = '{name}', document.getElementById('ask').click()"
            )
            browser.wait_for("/^No answer: \\S/.test(document.getElementById('status').textContent)")
            browser.evaluate("document.getElementById('status').textContent = ''")
        (bundle / "kerasbert.json").unlink()
        browser.open(address + "web/")
        browser.wait_for("/cannot be read: .*kerasbert.json: 404/.test(document.getElementById('status')?.textContent)")
