"""What the pages of the checkout promise: links lead somewhere, commands and names exist, figures are the chart's."""

import ast
import importlib
import importlib.util
import re
import shlex
from pathlib import Path

import click
import pytest

import kerasbert
from kerasbert.cli.main import main

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("kerasbert", "export", "cli", "tests")
PAGES = sorted([*ROOT.glob("*.md"), *(page for room in ROOMS for page in (ROOT / room).rglob("*.md"))])
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
LINK = re.compile(r"\]\(([^)\s]+)\)")


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def sections(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@each_page
def test_links_lead_somewhere(page):
    dead = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        path, _, section = link.partition("#")
        if re.match(r"https?:", path):
            continue
        target = page.parent / path if path else page
        if not target.exists() or (section and section not in sections(target)):
            dead.append(link)
    assert dead == []


def calls(page: Path) -> list[list[str]]:
    """The words of every call of `kerasbert` that a page shows."""
    lines = "".join(blocks(page, "console")).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("kerasbert ")]


def called(words: list[str]) -> click.Command:
    """The command that a call reaches, such as that of `finetune text-classification`."""
    command, context, rest = main, click.Context(main), list(words)
    while isinstance(command, click.Group):
        name = rest.pop(0)
        command = command.get_command(context, name)
        assert command is not None, f"kerasbert {' '.join(words)}: no command {name}"
    return command


@each_page
def test_commands_and_their_options_exist(page):
    for words in calls(page):
        known = {name for option in called(words).params for name in (*option.opts, *option.secondary_opts)}
        unknown = {word.partition("=")[0] for word in words if word.startswith("--")} - known
        assert not unknown, f"kerasbert {' '.join(words)}"


@each_page
def test_python_uses_names_that_exist(page):
    for block in blocks(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "kerasbert":
                module = importlib.import_module(node.module)
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "kb":
                assert hasattr(kerasbert, node.attr), f"kb.{node.attr}"


def test_the_readme_is_read_in_two_minutes():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


def test_ci_finds_one_test_command_in_the_readme():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.startswith("python3 ") and "pytest" in line]) == 1


def test_the_map_of_the_rooms_shows_every_room():
    page = (ROOT / "kerasbert" / "README.md").read_text(encoding="utf-8")
    rooms = {path.parent.name for path in (ROOT / "kerasbert").glob("*/__init__.py")} | {"cli", "export"}
    assert [room for room in rooms if f"[`{room}/`]" not in page] == []


def test_the_chart_shows_the_figures_of_its_table():
    spec = importlib.util.spec_from_file_location("peers", ROOT / "tests" / "bench" / "peers.py")
    peers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peers)
    drawn = peers.PICTURE.read_text(encoding="utf-8")
    said = [text for bar in (*peers.BULK, *peers.SINGLE) for text in (bar.name, peers.figures(bar))]
    said += [line for measured in peers.MEASURED.values() for line in measured.split("\n")]
    assert [text for text in said if f">{text}<" not in drawn] == [], "run python tests/bench/peers.py"
