"""The command group: loads a command when it is called, and turns our exceptions into one line and exit code 1."""

import logging
import os
import sys
import warnings
from importlib import import_module

import click

from kerasbert._version import __version__
from kerasbert.errors import KerasBertError

COMMANDS = {
    "quickstart": "Fine-tune, export, verify and ask a small model, in minutes.",
    "finetune": "Teach a checkpoint a task from a labelled file.",
    "evaluate": "Measure a model or a bundle on a labelled file.",
    "predict": "Answer texts with a model or a bundle.",
    "export": "Write a model as TFLite, ONNX and SavedModel, checked.",
    "verify": "Check every file of a bundle against Keras's answers.",
    "inspect": "Say what a model, a bundle or a file holds.",
}


class Commands(click.Group):
    """Help comes from the table, so that it loads no command and no TensorFlow."""

    def list_commands(self, context):
        return list(COMMANDS)

    def get_command(self, context, name):
        return getattr(import_module(f"kerasbert.cli.{name}"), name) if name in COMMANDS else None

    def format_commands(self, context, formatter):
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, context):
        try:
            return super().invoke(context)
        except (KerasBertError, OSError) as error:
            if context.params["debug"]:
                raise
            if isinstance(error, OSError) and not isinstance(error, KerasBertError):
                error = f"{error.filename or 'the operating system'}: {error.strerror or error}"
            raise click.ClickException(" ".join(str(error).split())) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__)
@click.option("--debug", is_flag=True, help="Show tracebacks, and what TensorFlow logs.")
def main(debug):
    """BERT in Keras, from raw text to a file on a phone.

    \b
    Example:
      kerasbert quickstart --out quickstart/
      kerasbert COMMAND --help
    """
    if not debug:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ.setdefault("ABSL_MIN_LOG_LEVEL", "3")
        warnings.simplefilter("ignore")
    log = logging.getLogger("kerasbert")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.handlers = [logging.StreamHandler(sys.stderr)]
