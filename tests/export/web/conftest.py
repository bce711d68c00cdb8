"""What the tests of the page share: its modules in Node.js, and a served bundle in a headless Chromium."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from chromium import Chromium, find

from kerasbert.errors import ExportError
from kerasbert.export import web
from kerasbert.export.report.snippets import snippets
from kerasbert.export.web import write_page
from kerasbert.export.web.npm import Package, install
from kerasbert.runtime.manifest import Manifest

PAGE = Path(web.__file__).parent / "page"


@pytest.fixture(scope="session")
def in_node(tmp_path_factory):
    """`in_node(script, asked)` -> the `found` of a script that may import the page's modules and reads `asked`."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"type": "module"}')
    shutil.copytree(PAGE, folder, dirs_exist_ok=True)

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


@contextmanager
def needs_packages() -> Iterator[None]:
    """Skips a test that needs packages of npm, where they cannot be fetched."""
    try:
        yield
    except ExportError as error:
        if "cannot be fetched" in str(error):
            pytest.skip(str(error))
        raise


class Server(ThreadingHTTPServer):
    """A folder as `python -m http.server` serves it, but without its log; entered, it gives its address."""

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
def serving() -> type[Server]:
    """`with serving(folder) as address`: a web server for a folder."""
    return Server


@pytest.fixture(scope="session")
def served(tiny_bundle, tmp_path_factory):
    """A bundle with its page, and the address of a plain web server for it."""
    if find() is None:
        pytest.skip("needs Chromium: apt-get install chromium, or its path in $CHROMIUM")
    bundle = tmp_path_factory.mktemp("served") / "bundle"
    shutil.copytree(tiny_bundle, bundle)
    manifest = Manifest.read(bundle)
    manifest.settings["pairs"] = None  # as in models from elsewhere, so that the page has a box for a second text
    manifest.write(bundle)
    with needs_packages():
        write_page(bundle)
    with Server(bundle) as address:
        yield bundle, address


@pytest.fixture(scope="session")
def page(served):
    """The page, open in a browser and ready."""
    with Chromium(find()) as browser:
        browser.open(served[1] + "web/")
        browser.wait_for("document.querySelector('#form:not([hidden])')")
        yield browser


@pytest.fixture(scope="session")
def asked():
    """`asked(page, file, text, pair)` -> what the page shows after a user typed: `answer`, `scores` by label, `timing`,
    `status`."""

    def ask(page, file: str, text: str, pair: str = "") -> dict:
        page.evaluate(f"document.getElementById('file').value = {json.dumps(file)}")
        page.evaluate(
            "document.getElementById('timing').textContent = document.getElementById('scores').textContent = ''"
        )
        for box, typed in (("field-text_pair", pair), ("field-text", text)):
            page.evaluate(f"document.getElementById('{box}')?.select()")
            page.call("Input.insertText", text=typed)
        page.press("Enter")
        page.wait_for("document.getElementById('timing').textContent || /^No answer/.test(document.body.textContent)")
        return page.evaluate("""({
            answer: document.getElementById("answer").textContent,
            scores: Object.fromEntries(
                [...document.querySelectorAll("meter")].map((bar) => [bar.ariaLabel, bar.value])
            ),
            timing: document.getElementById("timing").textContent,
            status: document.getElementById("status").textContent,
        })""")

    return ask


@pytest.fixture(scope="module")
def opened(request, served, reader, serving, tmp_path_factory):
    """The bundle of a task that reads (the parameter), its address, and the page in a browser."""
    bundle = shutil.copytree(reader(request.param), tmp_path_factory.mktemp("read") / "bundle")
    write_page(bundle)
    with serving(bundle) as address, Chromium(find()) as browser:
        browser.open(address + "web/")
        browser.wait_for("document.querySelector('#form:not([hidden])')")
        yield bundle, address, browser


TOKENIZERS = Package(
    "@huggingface/tokenizers",
    "0.2.0",
    "LidMHe1FpcSYH4vcSjXooda34pC0M8m1gmDOv7SQi6Iv+ib1zX7J3sHBCC9/3FPCkn2k1b55FneVqMRxrr99pg==",
    ("dist/tokenizers.mjs",),
)


@pytest.fixture(scope="session")
def said_by_program():
    """`said_by_program(bundle, address)` -> what the report's JavaScript program prints on a page of its own, as an app
    has it: the arguments of each call. The bundle has `web/`."""
    imports = {
        "onnxruntime-web": "./web/vendor/onnxruntime-web/ort.wasm.bundle.min.mjs",
        "@huggingface/tokenizers": "./vendor/@huggingface/tokenizers/tokenizers.mjs",
    }
    page = f"""<!doctype html><script type="importmap">{json.dumps({"imports": imports})}</script>
        <script>window.said = []; console.log = (...parts) => said.push(parts);</script>
        <script type="module">await import("./program.js"); window.done = true;</script>"""

    def run(bundle: Path, address: str) -> list:
        (code,) = [each.code for each in snippets(bundle, Manifest.read(bundle)) if each.language == "javascript"]
        if "@huggingface/tokenizers" in code:
            with needs_packages():
                install(TOKENIZERS, bundle / "vendor")
        (bundle / "program.js").write_text(code, encoding="utf-8")
        (bundle / "program.html").write_text(page, encoding="utf-8")
        with Chromium(find()) as browser:
            browser.open(address + "program.html")
            browser.wait_for("window.done")
            return browser.evaluate("window.said")

    return run
