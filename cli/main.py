"""The command group: loads a command when it is called, and turns our exceptions into one line and exit code 1."""

import logging
import os
import signal
import sys
import warnings
from importlib import import_module

import click

from kerasbert._version import __version__
from kerasbert.errors import KerasBertError
from kerasbert.quiet import set_level
from kerasbert.signals import handled

COMMANDS = {
    "quickstart": "Fine-tune, export, verify and ask a small model, in a few minutes.",
    "vocab": "Learn a vocabulary from text.",
    "prepare": "Turn text into pre-training data.",
    "pretrain": "Teach an encoder to fill in masked words.",
    "finetune": "Teach a checkpoint a task from a labelled file.",
    "distill": "Teach a small student what its teacher answers.",
    "evaluate": "Measure a model or a bundle on a labelled file.",
    "predict": "Answer texts with a model or a bundle.",
    "explain": "Show which words of a text decide a model's answer.",
    "embed": "Write the vectors of the texts of a file.",
    "export": "Write a model as TFLite, ONNX and SavedModel files, each checked.",
    "verify": "Check every file of a bundle against Keras's answers.",
    "benchmark": "Measure how fast and large every file of a bundle is.",
    "convert": "Write a checkpoint in another format.",
    "add-tokens": "Add tokens to a model's vocabulary.",
    "prune-vocab": "Prune a model's vocabulary to what a corpus uses.",
    "inspect": "Show what a model, a bundle or a file holds.",
}


MEMORY = ("ResourceExhaustedError", "XlaRuntimeError", "JaxRuntimeError")
"""Exceptions of TensorFlow and JAX, by name, so that neither is imported for them."""
OUT_OF_MEMORY = "out of memory; use a smaller --batch-size, --max-length or model, or a machine with more memory"


class Commands(click.Group):
    """The list of commands comes from `COMMANDS`, so that showing it loads no command and no TensorFlow."""

    def list_commands(self, context):
        return list(COMMANDS)

    def get_command(self, context, name):
        if name not in COMMANDS:
            return None
        called = name.replace("-", "_")
        return getattr(import_module(f"kerasbert.cli.{called}"), called)

    def format_commands(self, context, formatter):
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, context):
        try:
            with handled(signal.default_int_handler, signal.SIGTERM):  # as Ctrl-C: half-written files are removed
                return super().invoke(context)
        except BrokenPipeError:
            raise  # `| head`: click ends silently
        except Exception as error:
            if context.params["debug"] or not _for_users(error):
                raise
            raise click.ClickException(_line(error)) from None


def _for_users(error: Exception) -> bool:
    """Whether an error is ours, the operating system's or one of memory. Any other may be a bug.

    A library's OSError without a number may be a bug too.
    """
    if isinstance(error, OSError) and not isinstance(error, KerasBertError):
        return error.errno is not None
    return isinstance(error, KerasBertError) or _out_of_memory(error)


def _out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory is missing."""
    if isinstance(error, MemoryError):
        return True
    named = type(error).__name__ in MEMORY
    return named and any(words in str(error) for words in ("OOM", "RESOURCE_EXHAUSTED", "failed to allocate", "memory"))


def _line(error: Exception) -> str:
    if isinstance(error, KerasBertError):
        return " ".join(str(error).split())
    if _out_of_memory(error):
        return OUT_OF_MEMORY
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def _hush() -> None:
    """Silences TensorFlow, Keras and their Python warnings. A warning of kerasbert is printed as one line."""
    set_level("3")
    os.environ.setdefault("ABSL_MIN_LOG_LEVEL", "3")
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    warnings.filterwarnings("default", module=r"kerasbert\.")
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"


# The names alone, which click needs for "Did you mean": `get_command` loads a command.
@click.group(
    cls=Commands,
    commands=dict.fromkeys(COMMANDS),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__)
@click.option("--debug", is_flag=True, help="Show tracebacks and TensorFlow's log messages.")
def main(debug):
    """BERT in Keras, from raw text to a file on a phone.

    Results go to standard output; progress and errors go to standard error. Exit codes: 0 for success, 1 for a run
    that failed, 2 for a wrong call.

    \b
    Example:
      kerasbert quickstart --out quickstart/
      kerasbert COMMAND --help
    """
    if debug:
        set_level("0")
    else:
        _hush()
    log = logging.getLogger("kerasbert")
    log.setLevel(logging.DEBUG if debug else logging.INFO)
    log.propagate = False
    log.handlers = [logging.StreamHandler(sys.stderr)]
