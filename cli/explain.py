"""kerasbert explain."""

import json
from functools import partial
from pathlib import Path

import click

from kerasbert.cli import options
from kerasbert.cli.texts import examples_of, further_fields, option_of, utf8
from kerasbert.explanations.attribution import Attribution, heading
from kerasbert.explanations.files import WRITERS, check_ending
from kerasbert.explanations.integral import MOST_STEPS, STEPS
from kerasbert.explanations.targets import TARGETS, check_explained
from kerasbert.runtime.manifest import NAME as MANIFEST

SHOWN = 8
"""Number of words that are printed for each logit, those that count most."""


@click.command()
@click.argument("model")
@click.argument("text", callback=utf8)
@options.new_file("--out", f"File to write: {', '.join(WRITERS)}. The page needs no network.", required=True)
@click.option(
    "--target",
    help="Label to explain, or type of entities.  [default: what MODEL answers]",
)
@click.option(
    "--steps",
    default=STEPS,
    show_default=True,
    type=click.IntRange(min=1),
    help="Number of points on the path from the baseline to TEXT. It is doubled, up to "
    f"{MOST_STEPS}, until the attributions add up to the change of the logit within 1 %.",
)
@click.option("--attention", is_flag=True, help="Write the attention of every layer and head too.")
@partial(further_fields, tasks=TARGETS, of="TEXT")
def explain(model, text, out, target, steps, attention, **further):
    """Show which words of TEXT decide the answer of MODEL.

    MODEL is a saved model or a .keras file that classifies texts, finds entities or answers questions. Each word gets
    the number that it adds to the logit of the answer, by integrated gradients. The baseline has [PAD] in place of
    every token of the text.

    \b
    Example:
      kerasbert explain model/ "a lovely film" --out why.html --attention
      kerasbert explain model/ "a lovely film" --target negative --out why.json
      kerasbert explain answerer/ "Who left?" --context "Ann Lee left." --out why.png
    """
    further = {name: value for name, value in further.items() if value is not None}
    definition = _checked(
        model, out, target, {"TEXT": text, **{f"--{option_of(name)}": value for name, value in further.items()}}
    )
    (example,) = examples_of(definition, (text,), further)
    opened = options.open_model(model)
    from kerasbert.explanations.explain import explain as explained

    found = explained(opened, **example.fields, target=target, steps=steps, attention=attention)
    found.save(out)
    click.echo(json.dumps(found.answer, ensure_ascii=False))
    for each in found.attributions:
        _print(each)
    click.echo(f"{out}: the explanation")


def _checked(model: str, out: Path, target: str | None, texts: dict):
    """The task of a model that can explain such texts.

    Raises:
        click.UsageError: the call is wrong, which is said before TensorFlow loads.
    """
    empty = [name for name, value in texts.items() if not value.strip()]
    if empty:
        raise click.UsageError(f"{empty[0]} is empty, so there is nothing to explain; give it some words")
    if (Path(model) / MANIFEST).is_file():
        raise click.UsageError(f"{model} is a bundle; name the folder or .keras file that it was exported from")
    with options.wrong_call():
        check_ending(out)
        definition = options.task_of(model)
        check_explained(definition, target, target and options.settings_of(model, definition))
    return definition


def _print(found: Attribution) -> None:
    """Prints what is explained, and the words that count most."""
    click.echo(heading(vars(found)))
    for word in sorted(found.words, key=lambda each: -abs(each.attribution))[:SHOWN]:
        click.echo(f"{word.attribution:+9.4f}  {word.text}")
    if not found.complete:
        click.echo(
            f"warning: the attributions of {found.target} are {found.error:.1%} off after {found.steps} steps: take "
            f"them as rough, or give --steps {4 * found.steps}",
            err=True,
        )
