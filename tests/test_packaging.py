"""What a wheel and a source archive hold, and that they run away from the checkout."""

import configparser
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def needed(root: Path) -> set[str]:
    """Every file of a checkout that an installation needs, by its installed path."""
    found = set()
    for top, home in (("kerasbert", "kerasbert"), ("export", "kerasbert/export"), ("cli", "kerasbert/cli")):
        for path in (root / top).rglob("*"):
            if path.suffix in {".py", ".csv", ".typed", ".html", ".js", ".css", ".kt", ".swift"}:
                found.add(f"{home}/{path.relative_to(root / top).as_posix()}")
    return found


def test_setup_cfg_lists_every_package():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    modules = {path for path in needed(ROOT) if path.endswith(".py") and "/report/programs/" not in path}
    folders = {path.rpartition("/")[0].replace("/", ".") for path in modules}
    assert set(config["options"]["packages"].split()) == folders


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, Path]:
    """A copy of what git tracks, and a folder with the wheel and the source archive made from it."""
    pytest.importorskip("setuptools", reason="builds with the setuptools that is installed")
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("no git checkout")
    for name in listed.stdout.splitlines():
        if not (ROOT / name).is_file():
            continue
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    code = f"from setuptools import build_meta as b; b.build_sdist({str(target)!r}); b.build_wheel({str(target)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return source, target


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_nothing_at_the_top_but_kerasbert(built):
    source, target = built
    (wheel,) = target.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"kerasbert"}
    assert needed(source) <= names
    assert {"kerasbert/py.typed", "kerasbert/samples/sentiment_train.csv", "kerasbert/samples/README.md"} <= names


@pytest.mark.slow
def test_the_source_archive_can_be_built_from(built):
    (archive,) = built[1].glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert {"setup.py", "setup.cfg", "README.md", "LICENSE", "export/bundle.py", "cli/main.py"} <= names
    assert {"kerasbert/py.typed", "kerasbert/samples/sentiment_train.csv"} <= names


@pytest.mark.slow
def test_an_installed_wheel_works_from_elsewhere(built, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    (wheel,) = built[1].glob("*.whl")
    install = [python, "-m", "pip", "install", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True, capture_output=True)
    # The dependencies come from where this test runs.
    here = [path for path in sys.path if "site-packages" in path]
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text("\n".join(here) + "\n")
    code = """
import kerasbert, kerasbert.cli.main, kerasbert.export.bundle, kerasbert.samples, sys
from pathlib import Path
home = Path(sys.prefix).resolve()
for module in (kerasbert, kerasbert.cli, kerasbert.export, kerasbert.samples):
    assert home in Path(module.__file__).resolve().parents, module.__file__
assert (Path(kerasbert.samples.__file__).parent / "sentiment_dev.csv").is_file()
"""
    subprocess.run([python, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    script = python.with_name("kerasbert")
    for command in ([script], [python, "-m", "kerasbert.cli"]):
        said = subprocess.run([*command, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert said.stdout.startswith("kerasbert, version ")
