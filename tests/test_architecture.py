"""Who may import whom, read from the source, and what an import costs."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

ARROWS = {
    "kerasbert": "quiet _version",
    "cli": "runs export explanations models runtime corpus examples training tf tasks checkpoints tokenizers config "
    "families files signals progress quiet errors _version",
    "runs": "export models runtime examples corpus training tasks checkpoints tf samples config files signals "
    "progress reading errors _version",
    "explanations": "layers tasks decoding files errors",
    "export": "models runtime examples layers tasks tf decoding tokenizers schema files protobuf quiet reading errors",
    "models": "examples training layers checkpoints tasks tf config errors",
    "runtime": "tasks decoding tokenizers schema reading errors",
    "examples": "tasks reading errors",
    "corpus": "tf tasks tokenizers files quiet reading errors",
    "training": "layers errors",
    "layers": "tf",
    "tf": "tasks tokenizers protobuf errors",
    "checkpoints": "tasks tokenizers schema presets config families files protobuf reading errors",
    "tasks": "decoding schema errors",
    "decoding": "",
    "tokenizers": "files schema reading errors",
    "schema": "",
    "config": "families reading errors",
    "families": "",
    "files": "errors",
    "reading": "errors",
    "protobuf": "",
    "signals": "",
    "progress": "",
    "quiet": "",
    "presets": "",
    "samples": "",
    "errors": "",
    "_version": "",
}
"""A folder or file of the package -> those that it may import, all of which stand below it."""

TENSORFLOW = {"tensorflow", "tensorflow_text", "keras_nlp", "keras_hub"}
WITH_TENSORFLOW = {"tf", "training", "corpus", "export"}
"""The others reach TensorFlow through functions of these."""
WITH_KERAS = {"layers", "models", "training", "runs", "export"}


SHOWN = ROOT / "export" / "report" / "programs"
"""Programs that a report shows; nobody imports them."""


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its installed name."""
    found = {}
    for folder, name in ((ROOT / "kerasbert", "kerasbert"), *((ROOT / n, f"kerasbert.{n}") for n in ("export", "cli"))):
        for path in sorted(folder.rglob("*.py")):
            if SHOWN in path.parents:
                continue
            parts = path.relative_to(folder).with_suffix("").parts
            if parts[:2] == ("report", "programs") and len(parts) > 3:  # sources that the report shows
                continue
            found[".".join((name, *parts)).removesuffix(".__init__")] = path
    return found


@cache
def imports(module: str) -> frozenset[str]:
    """The modules that a module imports anywhere in it, in functions too."""
    found = set()
    for node in ast.walk(ast.parse(modules()[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relatively; names in full are found by search"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (names & modules().keys()) or {node.module}
    return frozenset(found)


def unit(module: str) -> str:
    """The row of `ARROWS` that a module belongs to."""
    return module.split(".")[1] if "." in module else module


def arrows() -> dict[str, set[str]]:
    """Unit -> the other units that its modules import."""
    found = {unit(module): set() for module in modules()}
    for module in modules():
        ours = {name for name in imports(module) if name.split(".")[0] == "kerasbert"}
        found[unit(module)] |= {unit(name) for name in ours} - {unit(module)}
    return found


def test_arrows_are_those_of_the_table():
    """Each way that is used is allowed, and each that is allowed is used."""
    assert arrows() == {name: set(allowed.split()) for name, allowed in ARROWS.items()}


def test_arrows_point_down():
    rows = list(ARROWS)
    upward = [(name, other) for name in rows for other in ARROWS[name].split() if rows.index(other) <= rows.index(name)]
    assert not upward


def test_tensorflow_and_keras_stay_in_their_rooms():
    wrong = []
    for module in modules():
        packages = {name.split(".")[0] for name in imports(module)}
        if packages & TENSORFLOW and unit(module) not in WITH_TENSORFLOW:
            wrong.append(module)
        if "keras" in packages and unit(module) not in WITH_KERAS:
            wrong.append(module)
    assert not wrong


LINES, BODY, PARAMETERS = 400, 60, 12


def source_files() -> list[Path]:
    return [path for name in ("kerasbert", "export", "cli", "tests") for path in sorted((ROOT / name).rglob("*.py"))]


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every function with its place."""
    for path in source_files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(ROOT)}: {node.name}", node


def test_no_file_is_longer_than_a_reader_can_hold():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in source_files()
    }
    assert {name: length for name, length in lengths.items() if length > LINES} == {}


def test_no_function_is_longer_than_a_screen():
    """Without its docstring."""
    long = {}
    for place, node in functions():
        first = node.body[0]
        docstring = ast.get_docstring(node, clean=False) is not None
        length = node.end_lineno - node.lineno + 1 - (first.end_lineno - first.lineno + 1 if docstring else 0)
        if length > BODY:
            long[place] = length
    assert long == {}


def test_no_function_has_more_parameters_than_a_caller_can_order():
    many = {}
    for place, node in functions():
        names = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        count = len(names) - (names[:1] in (["self"], ["cls"]))
        if count > PARAMETERS:
            many[place] = count
    assert many == {}


def loaded_by(code: str) -> set[str]:
    """The top-level packages that a fresh process has loaded after some code."""
    code += "\nimport sys\nprint(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        (
            "import kerasbert; kerasbert.__version__; dir(kerasbert)",
            {"tensorflow", "keras", "numpy", "tokenizers", "click"},
        ),
        ("import kerasbert.cli.main", {"tensorflow", "keras", "numpy", "tokenizers"}),
        ("import kerasbert.runtime, kerasbert.tasks.figures", {"tensorflow", "keras", "jax", "torch"}),
        (
            "import kerasbert.config, kerasbert.tasks.ask, kerasbert.examples.readers, "
            "kerasbert.checkpoints.huggingface, kerasbert.checkpoints.keras_hub, kerasbert.tokenizers, kerasbert.files",
            {"tensorflow", "keras", "keras_hub", "jax", "torch"},
        ),
    ],
)
def test_what_is_light_stays_light(code, absent):
    assert not loaded_by(code) & absent


def test_each_module_imports_alone():
    """None leans on another having been imported before it. Other packages may stay loaded, which is quicker."""
    code = """
import importlib, sys
for name in sys.argv[1:]:
    for loaded in [other for other in sys.modules if other.partition(".")[0] == "kerasbert"]:
        del sys.modules[loaded]
    importlib.import_module(name)
"""
    names = [name for name in modules() if not name.endswith("__main__")]
    done = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_public_names_are_there():
    import kerasbert

    for name in kerasbert.__all__:
        assert getattr(kerasbert, name) is not None
    assert set(kerasbert.__all__) <= set(dir(kerasbert))
    with pytest.raises(AttributeError, match="module 'kerasbert' has no attribute 'nothing'"):
        _ = kerasbert.nothing


def test_a_name_says_what_is_inside():
    vague = {"utils", "util", "helpers", "common", "base", "misc"}
    assert not [name for name in modules() if vague & set(name.split("."))]


def test_the_top_of_the_checkout_is_the_users():
    kept = {"setup.cfg", "setup.py", "kerasbert", "export", "cli", "tests", "README.md"}
    kept |= {"LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"}
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("no git checkout")
    top = {path.split("/")[0] for path in done.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} <= kept
