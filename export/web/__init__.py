"""A static page in a bundle that runs the bundle's files in a browser.

The page consists of plain JavaScript modules, in `page/`; a task is one file in `page/tasks/`. The runtimes come from
the npm registry (`kerasbert.export.web.npm`) and are written beside the page, so the page needs no network. Any web
server can serve it:

```console
$ python -m http.server --directory bundle
```

The page is then at http://localhost:8000/web/.
"""

import json
import shutil
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path

from kerasbert.errors import ExportError
from kerasbert.export.web.characters import describe_characters
from kerasbert.export.web.npm import Package, install
from kerasbert.files import new_folder
from kerasbert.reading import read_json
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks.task import Graph

NAME = "web"

_ONNX = (
    Package(
        "onnxruntime-web",
        "1.30.0",
        "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
        ("dist/ort.wasm.bundle.min.mjs", "dist/ort-wasm-simd-threaded.mjs", "dist/ort-wasm-simd-threaded.wasm"),
    ),
)
_LITERT = (
    Package(
        "@litertjs/core",
        "2.5.3",
        "PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nzWoyJQ==",
        (
            "dist/index.js",
            "wasm/litert_wasm_internal.js",
            "wasm/litert_wasm_internal.wasm",
            "wasm/litert_wasm_compat_internal.js",  # for browsers without relaxed SIMD
            "wasm/litert_wasm_compat_internal.wasm",
        ),
    ),
    Package(
        "@litertjs/wasm-utils",
        "2.5.3",
        "4fJiw6tBQnIs+0jH/OQ16nYOiSl8/+zZnn5h2ul8aTKHi05sVqZW580Tmk78pC2kT39A9OYBVdFawteZ/sI1kQ==",
        ("dist/bundle.js",),
    ),
)
_MEDIAPIPE = (
    Package(
        "@mediapipe/tasks-text",
        "1.0.1",
        "03cqJx+BZ+WpmuDqq+4Z8Bn7BdJyEPxU7Q1iuczjrh3YGiaAD2VMYf5JCLd+vQy7nNrlOOvUQlTnX0nYRpAUOA==",
        ("text_bundle.mjs", "wasm/text_wasm_internal.js", "wasm/text_wasm_internal.wasm"),
    ),
)
PACKAGES = {"onnx": _ONNX, "tflite": _LITERT, "mediapipe": _MEDIAPIPE}
"""Kind of file -> the packages that run it in a browser. Apps teach a trainable file, and no browser has the operations
of tensorflow-text, so other kinds have no row."""


def runtimes(kinds: Iterable[str], graphs: Sequence[Graph]) -> list[Package]:
    """The packages that a browser needs to run files of these kinds.

    Args:
        graphs: what the files compute. MediaPipe has, in a browser, tasks with one answer per text only.

    Raises:
        ExportError: a browser runs none of them.
    """
    kinds = list(dict.fromkeys(kinds))
    one_answer = all(output.axis == "row" for graph in graphs for output in graph.outputs)
    known = {kind: packages for kind, packages in PACKAGES.items() if one_answer or kind != "mediapipe"}
    packages = [package for kind in known if kind in kinds for package in known[kind]]
    if not packages:
        raise ExportError(f"no browser runs {', '.join(kinds)} files of this model: export {', '.join(known)} for it")
    return packages


def write_page(bundle: str | Path, *, archives: str | Path | None = None) -> None:
    """Writes `web/` into a bundle.

    Args:
        bundle: a folder that `export_bundle` made, without `web/`.
        archives: a folder with the runtimes' archives, as `npm pack` fetches them. None: they are fetched once, into
            the user's cache.

    Raises:
        BundleError: no bundle.
        ExportError: a browser can run none of its files, or a runtime cannot be fetched.
    """
    bundle = Path(bundle)
    manifest = Manifest.read(bundle)
    packages = runtimes((file.kind for file in manifest.files.values()), manifest.graphs)
    _check_tokenizer(bundle, manifest.tokenizer)
    with new_folder(bundle / NAME) as building:
        for package in packages:
            install(package, building / "vendor", archives=archives and Path(archives))
        with resources.as_file(resources.files(__name__) / "page") as page:
            shutil.copytree(page, building, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        if manifest.tokenizer["kind"] == "wordpiece":
            characters = json.dumps(describe_characters(manifest.tokenizer), separators=(",", ":"))
            (building / "characters.json").write_text(characters + "\n", encoding="utf-8")


def _check_tokenizer(bundle: Path, options: dict) -> None:
    """Raises ExportError for tokenizers that the page's own would read differently."""
    added = options.get("added_tokens", [])
    if options["kind"] == "bytepair":
        content = read_json(bundle / "tokenizer.json", ExportError)
        added = content.get("added_tokens") or []
        words = content.get("pre_tokenizer") or {}
        if content.get("normalizer") or words.get("type") != "ByteLevel" or not words.get("use_regex", True):
            raise ExportError(f"{bundle / 'tokenizer.json'}: the page knows only RoBERTa's own normalizer and words")
    for token in added:
        normalized = options["kind"] == "wordpiece" and token.get("normalized", not token.get("special"))
        if token.get("single_word") or normalized:
            raise ExportError(
                f"{bundle}: the page cannot follow the added token {token['content']!r}; leave out the page"
            )
