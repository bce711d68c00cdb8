"""cli/README.md is made from the help pages. This command writes it again: python tests/cli/test_readme.py"""

from pathlib import Path

import click

from kerasbert.cli.main import COMMANDS, main

PAGE = Path(__file__).resolve().parents[2] / "cli" / "README.md"
MEND = "python tests/cli/test_readme.py"
INTRODUCTION = f"""\
# The command line

Every command with its help page. `kerasbert COMMAND --help` prints the same text.

{{commands}}

Results go to standard output; `predict` prints one JSON object per line. Progress and errors go to standard error. The
exit code is 0 for success, 1 for a run that failed, and 2 for a wrong call. An error is one line that says what to do;
after a wrong call the usage stands above it.
A run that fails leaves no half-written files. `kerasbert --debug COMMAND` shows tracebacks. `python -m kerasbert.cli`
is the same program.

In the code, each command is one file in this folder. It reads the options, calls one function of another room, and
prints the result. `main.py` holds the list of commands and turns exceptions into one line. `options.py` holds the
options that several commands share, and `typed.py` tells errors with options as they are typed. `progress.py` prints
progress and `table.py` prints tables. Help pages load neither TensorFlow nor Keras.

This page is generated. After a change of a help text, run `{MEND}`.
"""


def write_page() -> str:
    """The whole page."""
    rows = [f"| [`{name}`](#kerasbert-{name}) | {said} |" for name, said in COMMANDS.items()]
    table = "\n".join(["| command | what it does |", "|---|---|", *rows])
    # As wide as in a wide terminal, whatever the terminal at hand.
    settings = {**main.context_settings, "terminal_width": main.context_settings["max_content_width"] - 2}
    context = click.Context(main, info_name="kerasbert", **settings)
    sections = [INTRODUCTION.format(commands=table), _section(main, context, level=2)]
    return "\n".join([*sections, *_sections(main, context, level=2)])


def _sections(group: click.Group, context: click.Context, level: int):
    """The commands of a group; those of a group inside it stand one level deeper."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        inner = click.Context(command, info_name=name, parent=context)
        yield _section(command, inner, level)
        if isinstance(command, click.Group):
            yield from _sections(command, inner, level + 1)


def _section(command: click.Command, context: click.Context, level: int) -> str:
    return f"{'#' * level} {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"


def test_the_page_shows_the_help_of_today(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")  # a narrow terminal changes nothing
    written = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    # Not ==, whose report of so long a difference would hide the message.
    assert bool(written == write_page()), f"cli/README.md is not what the help pages say: run {MEND}"


def test_every_command_has_a_section_and_a_link():
    page = write_page()
    for name in COMMANDS:
        assert f"\n## kerasbert {name}\n\n```text\nUsage: kerasbert {name} " in page
        assert f"](#kerasbert-{name})" in page
    assert "\n### kerasbert finetune text-classification\n" in page


if __name__ == "__main__":
    PAGE.write_text(write_page(), encoding="utf-8")
