"""The page: its tokenizer in Node.js, and all of it in a headless Chromium."""

import base64
import csv
import hashlib
import importlib.util
import itertools
import json
import shutil
import subprocess
import tarfile
import threading
from dataclasses import fields
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from chromium import Chromium, find

from kerasbert import SentenceEncoder, TextClassifier, runtime
from kerasbert.decoding.labels import PROBLEM_TYPES, decode
from kerasbert.errors import ExportError
from kerasbert.export import export_bundle, web
from kerasbert.export.formats.mediapipe.device_tokenizer import read_differently
from kerasbert.export.gate import golden
from kerasbert.export.web import npm, write_page
from kerasbert.export.web.characters import describe_characters
from kerasbert.runtime.manifest import File, Manifest
from kerasbert.tokenizers import BytePairTokenizer, WordPieceTokenizer
from kerasbert.tokenizers.wordpiece import read_vocab

TOKENIZERS = Path(__file__).parents[2] / "tokenizers"
PAGE = Path(web.__file__).parent / "page"
CASES = {
    "lower case": {},
    "cased": {"do_lower_case": False},
    "accents kept, Chinese words": {"strip_accents": False, "tokenize_chinese_chars": False},
}
TOKEN = {"content": "<e1>", "normalized": False, "special": True}


@pytest.fixture(scope="session")
def in_node(tmp_path_factory):
    """`in_node(script, asked)` -> what the script, which may import the page's modules, makes of `asked`."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"type": "module"}')
    for module in PAGE.glob("*.js"):
        shutil.copy(module, folder)

    def ask(script: str, asked: object) -> object:
        whole = f"""
            import {{ readFileSync }} from "node:fs";
            const asked = JSON.parse(readFileSync(0, "utf8"));
            {script}
            process.stdout.write(JSON.stringify(found));
        """
        command = [node, "--input-type=module", "-e", whole]
        done = subprocess.run(command, input=json.dumps(asked), capture_output=True, encoding="utf-8", cwd=folder)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    return ask


@pytest.fixture(scope="session")
def ids_of(in_node, tmp_path_factory):
    """`ids_of(tokenizer, rows)` -> ids and token types of (text, pair, max_length), by the page's tokenizer."""
    scripts = {
        "wordpiece": """
            import { WordPiece } from "./wordpiece.js";
            const tokenizer = new WordPiece(asked.vocabulary, asked.characters, asked.added_tokens);
        """,
        "bytepair": """
            import { BytePair } from "./bytepair.js";
            const tokenizer = new BytePair(asked.description);
        """,
    }
    script = """
        const encoded = asked.rows.map((row) => tokenizer.encode(...row));
        const found = encoded.map((row) => [row.input_ids, row.token_type_ids]);
    """

    def ask(tokenizer, rows: list) -> list:
        folder = tmp_path_factory.mktemp("tokenizer")
        tokenizer.save(folder)
        asked = {"description": json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")), "rows": rows}
        if tokenizer.kind == "wordpiece":
            asked["vocabulary"] = (folder / "vocab.txt").read_bytes().decode()
            asked["characters"] = describe_characters(tokenizer.options())
            asked["added_tokens"] = tokenizer.options()["added_tokens"]
        return in_node(scripts[tokenizer.kind] + script, asked)

    return ask


def by_the_library(tokenizer, rows: list) -> list:
    found = [None] * len(rows)
    for length in {length for _, _, length in rows}:
        for paired in (False, True):
            places = [i for i, row in enumerate(rows) if row[2] == length and (row[1] is not None) == paired]
            texts, pairs = [rows[i][0] for i in places], [rows[i][1] for i in places] if paired else None
            for i, row in zip(places, tokenizer.encode(texts, pairs, max_length=length), strict=True):
                found[i] = [row.ids, row.type_ids]
    return found


@pytest.fixture(scope="session")
def strange_texts() -> list[str]:
    spec = importlib.util.spec_from_file_location("generated_texts", TOKENIZERS / "generated_texts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate(500, seed=8)


@pytest.fixture(params=[*CASES, "byte pairs"])
def tokenizer(request):
    if request.param == "byte pairs":
        return BytePairTokenizer.read(TOKENIZERS / "fixtures" / "roberta")
    pieces = read_vocab(TOKENIZERS / "fixtures" / "vocab.txt")
    return WordPieceTokenizer(pieces, added_tokens=[TOKEN], **CASES[request.param])


def test_the_pages_tokenizer_gives_the_librarys_ids(tokenizer, ids_of, strange_texts):
    texts = [*strange_texts, *golden.TEXTS, "a <e1>[MASK]b<e1", "an <mask> <mask>too", "lone \ud800 surrogate"]
    rows = [[text, None, 512] for text in texts]
    rows += [[text, pair, (4, 5, 9, 40)[place % 4]] for place, (text, pair) in enumerate(itertools.pairwise(texts))]
    rows += [[*pair, length] for pair in golden.PAIRS for length in (16, 17, 512)]
    found, expected = ids_of(tokenizer, rows), by_the_library(tokenizer, rows)
    wrong = [place for place, both in enumerate(zip(found, expected, strict=True)) if both[0] != both[1]]
    assert [(rows[place], found[place], expected[place]) for place in wrong[:3]] == []


def test_every_character_becomes_what_the_library_makes_of_it(ids_of):
    characters = [chr(code) for code in range(0x20000) if not 0xD800 <= code < 0xE000]
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "##a", *"éöжᄀ가!", *"o一"])
    rows = [["".join(characters[start : start + 8]).join("aa"), None, 512] for start in range(0, len(characters), 8)]
    assert ids_of(tokenizer, rows) == by_the_library(tokenizer, rows)


def test_real_texts_with_a_real_vocabulary(ids_of, shared_data, minilm):
    with open(shared_data / "sentiment" / "dev.csv", encoding="utf-8", newline="") as stream:
        texts = [row["text"] for row in csv.DictReader(stream)][:300]
    with open(shared_data / "sentiment_zh" / "waimai_10k.csv", encoding="utf-8", newline="") as stream:
        texts += [row["review"] for row in csv.DictReader(stream)][:200]
    tokenizer = WordPieceTokenizer.read(minilm)
    rows = [[text, None, 128] for text in texts]
    assert ids_of(tokenizer, rows) == by_the_library(tokenizer, rows)


@pytest.mark.parametrize("problem_type", PROBLEM_TYPES)
def test_the_page_decodes_as_the_library(problem_type, in_node):
    labels = ["one"] if problem_type == "regression" else ["one", "two", "three"]
    logits = np.random.default_rng(3).normal(0, 4, (20, len(labels))).astype("float32")
    script = """
        import { PROBLEMS } from "./answers.js";
        const { problem_type, labels, logits } = asked;
        const found = logits.map((row) => PROBLEMS[problem_type].decode([{ logits: row }], labels));
    """
    found = in_node(script, {"problem_type": problem_type, "labels": labels, "logits": logits.tolist()})
    for row, expected in zip(found, decode(logits, labels, problem_type), strict=True):
        scores = {name: value for name, value, _, _ in row["scores"]}
        if problem_type == "single_label_classification":
            assert row["label"] == expected["label"]
            assert scores[row["label"]] == pytest.approx(expected["score"])
        elif problem_type == "multi_label_classification":
            assert row["label"] == ", ".join(expected["labels"])
            assert scores == pytest.approx(expected["scores"])
        else:
            assert scores == pytest.approx({"one": expected["value"]})


def test_two_texts_have_the_cosine_of_their_embeddings(in_node):
    script = """
        import { PROBLEMS } from "./answers.js";
        const found = PROBLEMS.embedding.decode(asked.map((embedding) => ({ embedding })), []).scores;
    """
    assert in_node(script, [[0.6, 0.8], [1, 0]]) == [["likeness", 0.6, 0, 1]]


@pytest.mark.parametrize("changed", [None, "sequence_output", "pooled_output"])
def test_vectors_are_compared_at_the_recorded_places(in_node, changed):
    """Of four tokens and the text; what stands at the others makes no difference."""
    random = np.random.default_rng(5)
    outputs = {"sequence_output": random.normal(size=(4, 3)), "pooled_output": random.normal(size=3)}
    places = [0, 2]
    recorded = {"places": places, **outputs, "sequence_output": outputs["sequence_output"][places]}
    recorded = {name: np.asarray(values).tolist() for name, values in recorded.items()}
    if changed:
        outputs[changed][2] *= -1
    outputs["sequence_output"][3] = 1e6
    script = """
        import { PROBLEMS } from "./answers.js";
        const outputs = Object.fromEntries(Object.entries(asked.outputs).map(([k, v]) => [k, Float32Array.from(v)]));
        const found = PROBLEMS.feature_extraction.compare(outputs, asked.recorded);
    """
    found = in_node(script, {"outputs": {k: v.ravel().tolist() for k, v in outputs.items()}, "recorded": recorded})
    assert found["same"] == (changed is None)
    assert (found["difference"] < 1e-6) == (changed is None)


class serving(ThreadingHTTPServer):
    """`with serving(folder) as address`: a folder as `python -m http.server` serves it, but without its log."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    def __init__(self, folder: Path):
        super().__init__(("127.0.0.1", 0), partial(self.Handler, directory=str(folder)))

    def __enter__(self) -> str:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server_port}/"

    def __exit__(self, *_) -> None:
        self.shutdown()
        self.server_close()


@pytest.fixture(scope="session")
def served(tiny_bundle, tmp_path_factory):
    """A bundle with its page, and the address of a plain web server for it."""
    if find() is None:
        pytest.skip("needs Chromium: apt-get install chromium, or its path in $CHROMIUM")
    bundle = tmp_path_factory.mktemp("served") / "bundle"
    shutil.copytree(tiny_bundle, bundle)
    try:
        write_page(bundle)
    except ExportError as error:
        if "cannot be fetched" in str(error):
            pytest.skip(str(error))
        raise
    with serving(bundle) as address:
        yield bundle, address


@pytest.fixture(scope="session")
def page(served):
    """The page, open in a browser and ready."""
    with Chromium(find()) as browser:
        browser.open(served[1] + "web/")
        browser.wait_for("document.querySelector('#form:not([hidden])')")
        yield browser


def asked(page, file: str, text: str, pair: str = "") -> dict:
    """What the page shows after a user typed: `answer`, `scores` by label, `timing`, `status`."""
    page.evaluate(f"document.getElementById('file').value = {json.dumps(file)}")
    page.evaluate("document.getElementById('timing').textContent = document.getElementById('bars').textContent = ''")
    for box, typed in (("pair", pair), ("text", text)):
        page.evaluate(f"document.getElementById('{box}').select()")
        page.call("Input.insertText", text=typed)
    page.press_enter()
    page.wait_for("document.getElementById('timing').textContent || /^No answer/.test(document.body.textContent)")
    return page.evaluate("""({
        answer: document.getElementById("answer").textContent,
        scores: Object.fromEntries([...document.querySelectorAll("meter")].map((bar) => [bar.ariaLabel, bar.value])),
        timing: document.getElementById("timing").textContent,
        status: document.getElementById("status").textContent,
    })""")


def files_of(bundle: Path) -> dict:
    return {name: f for name, f in Manifest.read(bundle).files.items() if Path(f.path).suffix in (".tflite", ".onnx")}


@pytest.mark.slow
def test_a_user_types_a_text_and_reads_the_runtimes_answer(page, served):
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
    count = str(len(golden.TEXTS) + len(golden.PAIRS))
    for (name, texts, same_ids, same_answers, difference, _), file in zip(rows, files_of(bundle).values(), strict=True):
        assert (texts, same_ids) == (count, count), name
        if file.precision == "float32":
            assert (same_answers, float(difference) < 1e-3) == (count, True), name


@pytest.mark.slow
def test_mediapipe_in_the_browser_answers_what_its_tokenizer_reads(served, tiny_classifier, tmp_path):
    bundle = tmp_path / "bundle"
    model = TextClassifier.from_pretrained(tiny_classifier)
    export_bundle(model, bundle, formats="mediapipe", quantize="none")
    write_page(bundle)
    with serving(bundle) as address, Chromium(find()) as browser:
        browser.open(address + "web/")
        browser.wait_for("document.querySelector('#form:not([hidden])')")
        found = browser.evaluate(
            "import('/web/bundle.js').then((m) => m.openBundle()).then((b) => b.check('mediapipe'))"
        )
        assert found["texts"] == len(golden.TEXTS)
        assert set(found["differing"]) <= set(
            read_differently(model.tokenizer, golden.TEXTS, max_length=model.max_length)
        )
        text = "a warm and friendly room"
        assert asked(browser, "mediapipe", text)["answer"] == model.predict_text([text])[0]["label"]
        assert {url[: len(address)] for url in browser.requests} == {address}


@pytest.mark.slow
def test_an_embedding_bundle_shows_how_alike_two_texts_are(served, tiny_bert, tmp_path):
    model = SentenceEncoder.from_pretrained(tiny_bert, max_length=16)
    export_bundle(model, tmp_path / "bundle", formats="tflite", quantize="none")
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


@pytest.mark.slow
def test_a_bundle_with_byte_pairs_answers_as_keras_does(served, fixtures, tmp_path):
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


def test_a_page_without_a_network_fails_before_any_work(tiny_classifier, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    steps = []
    with pytest.raises(ExportError, match="cannot be fetched"):
        export_bundle(
            TextClassifier.from_pretrained(tiny_classifier), tmp_path / "bundle", web=True, progress=steps.append
        )
    assert (steps, (tmp_path / "bundle").exists()) == ([], False)


@pytest.mark.slow
def test_nothing_comes_from_elsewhere_and_nothing_is_logged(page, served):
    assert {url[: len(served[1])] for url in page.requests} == {served[1]}
    assert page.errors == []


@pytest.mark.slow
def test_an_example_is_asked_with_a_click(page):
    page.evaluate("document.getElementById('timing').textContent = ''")
    page.evaluate("[...document.querySelectorAll('#examples button')].find((b) => b.textContent == 'Good.').click()")
    page.wait_for("document.getElementById('timing').textContent")
    assert page.evaluate("document.getElementById('text').value") == "Good."


@pytest.mark.slow
def test_a_file_that_is_gone_or_broken_is_said_so(served, tmp_path):
    bundle = tmp_path / "bundle"
    shutil.copytree(served[0], bundle)
    (bundle / "model.onnx").write_bytes(bytes((bundle / "model.onnx").stat().st_size))
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


def bundle_of(folder: Path, files: dict, tokenizer: dict) -> Path:
    """A bundle's description alone."""
    folder.mkdir()
    files = {name: File(path=path, bytes=1, sha256="", precision="float32") for name, path in files.items()}
    values = {field.name: [] for field in fields(Manifest) if field.name not in ("version", "files", "tokenizer")}
    Manifest(**values, files=files, tokenizer=tokenizer).write(folder)
    return folder


WORDPIECE = {"kind": "wordpiece", "do_lower_case": True, "strip_accents": None, "added_tokens": []}


@pytest.mark.parametrize(
    ("files", "tokenizer", "said"),
    [
        ({"saved_model": "saved_model"}, WORDPIECE, "no browser runs saved_model: export tflite"),
        ({"onnx": "model.onnx"}, {"kind": "bytepair"}, "RoBERTa's own normalizer and words only"),
        ({"onnx": "model.onnx"}, {**WORDPIECE, "added_tokens": [{"content": "<e1>"}]}, "the added token '<e1>'"),
    ],
)
def test_what_the_page_cannot_do_is_refused(files, tokenizer, said, tmp_path):
    bundle = bundle_of(tmp_path / "bundle", files, tokenizer)
    (bundle / "tokenizer.json").write_text('{"normalizer": {"type": "NFC"}}')
    with pytest.raises(ExportError, match=said):
        write_page(bundle)


@pytest.mark.parametrize(
    ("content", "said"), [(None, r"missing; fetch it with `npm pack onnx"), (b"other bytes", "bytes are not those of")]
)
def test_only_the_published_runtime_gets_in_and_nothing_is_left_behind(content, said, tmp_path):
    bundle = bundle_of(tmp_path / "bundle", {"onnx": "model.onnx"}, WORDPIECE)
    if content is not None:
        (tmp_path / web.PACKAGES["onnx"][0].archive).write_bytes(content)
    with pytest.raises(ExportError, match=said):
        write_page(bundle, archives=tmp_path)
    assert [path.name for path in bundle.iterdir()] == ["kerasbert.json"]


def test_without_network_or_cache_the_mend_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    bundle = bundle_of(tmp_path / "bundle", {"onnx": "model.onnx"}, WORDPIECE)
    said = r"^http://127.0.0.1:9/onnxruntime-web/-/\S+: cannot be fetched .*put the file into \S+/cache/kerasbert/npm$"
    with pytest.raises(ExportError, match=said):
        write_page(bundle)


def test_an_archive_is_fetched_once(tmp_path, monkeypatch):
    """From a registry of ours: the path, the checksum and the cache."""
    registry, cache = tmp_path / "registry", tmp_path / "cache"
    archive = registry / "@a" / "b" / "-" / "b-1.0.0.tgz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("package/dist/b.js", "package/package.json", "package/other.js"):
            tar.addfile(tarfile.TarInfo(name))
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    package = npm.Package("@a/b", "1.0.0", digest, ("dist/b.js",))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    with serving(registry) as address:
        monkeypatch.setenv("npm_config_registry", address)
        npm.install(package, tmp_path / "first")
    npm.install(package, tmp_path / "second")
    for place in ("first", "second"):
        assert sorted(path.name for path in (tmp_path / place / "@a" / "b").iterdir()) == ["b.js", "package.json"]
