"""Who may import whom, read from the source, and what an import costs."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

ARROWS = {
    "cli": "export training.finetune training.pretrain training models runtime data decoding tokenizers config quiet "
    "files signals errors _version",
    "export": "training.finetune models runtime checkpoints data decoding tokenizers samples quiet files errors",
    # From file to folder; these two stand above models, the rest of `training` below.
    "training.finetune": "models training checkpoints data files",
    "training.pretrain": "models training data config files errors",
    "models": "layers checkpoints training data decoding config errors",
    "training": "layers files signals errors _version",
    "checkpoints": "tokenizers presets config files errors",
    "runtime": "decoding tokenizers quiet errors",
    "layers": "",
    "data": "tokenizers quiet files errors",
    "decoding": "",
    "tokenizers": "files errors",
    "config": "errors",
    "files": "errors",
    "quiet": "",
    "signals": "",
    "presets": "",
    "samples": "",
    "errors": "",
    "_version": "",
}
"""A unit of the package -> the units that it may import. A module listed here is a unit of its own."""

NO_TENSORFLOW = ("config", "layers", "models", "training", "checkpoints", "tokenizers", "data", "decoding", "runtime")
WITH_TENSORFLOW = {
    "kerasbert.layers.gather": "on TensorFlow's backend only, because keras.ops.take adds three ops a table to exports",
    "kerasbert.layers.masked_lm_loss": "on TensorFlow's backend only, whose kernel gives loss and gradient in one pass",
    "kerasbert.layers.recompute": "on TensorFlow's backend only, whose keras.remat would draw other dropout masks",
    "kerasbert.layers.xla_cpu": "a barrier for XLA, in graphs of TensorFlow that are traced for it",
    "kerasbert.training.distribution": "strategies are TensorFlow's; JAX has Keras's own",
    "kerasbert.training.failures": "its exceptions, which have no counterpart on JAX",
    "kerasbert.runs.journal": "TensorBoard's logs",
    "kerasbert.runs.report": "asks TensorFlow's backend for the accelerators' names",
    "kerasbert.training.trainer": "the train step of TensorFlow's backend; JAX has Keras's own",
    "kerasbert.tf.datasets": "tf.data; models load it when a dataset is asked for",
    "kerasbert.corpus.document_tokenizer": "tokenises in the graph; only the preparation of data loads it",
    "kerasbert.tf.records": "writes TFRecord files",
    "kerasbert.corpus.stepwise": "batches as a tf.data pipeline",
    "kerasbert.corpus.workers": "keeps TensorFlow in a worker to one core",
    "kerasbert.tf.wordpiece": "tensorflow-text; only exports load it",
    "kerasbert.runtime.text_file": "tensorflow-text's kernels; only a file that takes texts loads them",
}
NO_KERAS = ("config", "tokenizers", "data", "decoding", "runtime", "checkpoints")
TENSORFLOW = {"tensorflow", "tensorflow_text", "keras_nlp", "keras_hub"}


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its installed name."""
    found = {}
    for folder, name in ((ROOT / "kerasbert", "kerasbert"), *((ROOT / n, f"kerasbert.{n}") for n in ("export", "cli"))):
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
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
    """The row of `ARROWS` that a module belongs to; the package itself is ""."""
    name = module.removeprefix("kerasbert").removeprefix(".")
    return name if name in ARROWS else name.split(".")[0]


@pytest.mark.parametrize("module", modules())
def test_arrows_point_one_way(module):
    allowed = {unit(module), "", *ARROWS[unit(module)].split()} if unit(module) else {"_version"}
    wrong = {name for name in imports(module) if name.split(".")[0] == "kerasbert" and unit(name) not in allowed}
    assert not wrong


def test_no_arrow_is_unused_and_no_circle_is_allowed():
    used = {(unit(module), unit(name)) for module in modules() for name in imports(module) if name in modules()}
    table = {name: set(allowed.split()) for name, allowed in ARROWS.items()}
    assert set(table) == {unit(module) for module in modules()} - {""}
    unused = {(name, other) for name, allowed in table.items() for other in allowed} - used
    assert not unused
    TopologicalSorter(table).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("module", [name for name in modules() if unit(name) in NO_TENSORFLOW])
def test_tensorflow_stays_where_it_is_needed(module):
    direct = {name.split(".")[0] for name in imports(module)} & TENSORFLOW
    assert bool(direct) == (module in WITH_TENSORFLOW)
    if unit(module) in NO_KERAS:
        assert "keras" not in {name.split(".")[0] for name in imports(module)}


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
            "import kerasbert.config, kerasbert.examples.labels, kerasbert.tasks.rows, kerasbert.examples.readers, "
            "kerasbert.checkpoints.huggingface, kerasbert.tokenizers, kerasbert.files",
            {"tensorflow", "keras", "jax", "torch"},
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
