"""A `.tflite` file that takes a text itself, with BERT's tokenizer inside as custom operations of tensorflow-text.

It runs where these operations are linked in: on servers and desktops with the package tensorflow-text, and in apps that
build LiteRT with them. There is no prebuilt package for phones.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from kerasbert.errors import ExportError
from kerasbert.export.formats.settings import Settings
from kerasbert.export.formats.tflite.file import Ends, write_tflite
from kerasbert.export.formats.tflite.reader import TextReader, check_tokenizer
from kerasbert.tasks.encoding import prompt_of


def write_text_tflite(model, targets: Mapping[Path, str], settings: Settings) -> None:
    """Writes a model as `.tflite` files that take a string, `text` (1,), and give the task's outputs, float32 (1, ...).

    The file has one signature, in which a text is cut and padded to the longest length. It takes single texts only;
    pairs of texts need a file that takes ids.

    Args:
        model: a `TextModel` with float32 variables and a WordPiece tokenizer.
        targets: file -> "none" or "int8".
        settings: a text is cut to the longest length.

    Raises:
        ExportError: see `check_text_tflite`, or the converter failed.
    """
    check_text_tflite(model)
    reader = TextReader(model.tokenizer, pad_id=model.config.pad_token_id, prompt=prompt_of(model.settings))
    write_tflite(model, targets, replace(settings, lengths=[settings.longest]), ends=Ends(reader=reader))


def check_text_tflite(model) -> None:
    """Raises ExportError for a task that asks or answers for single tokens or about several texts, and for a tokenizer
    or a prompt that cannot be in the file.
    """
    if (prompt := prompt_of(model.settings)) and not prompt.endswith(" "):
        raise ExportError(
            f"a tflite-text file takes a prompt that ends with a space, and this one is {prompt!r}; leave tflite-text "
            "out"
        )
    if "mlm_positions" in model.input:
        raise ExportError(f"{model.task.name}: a tflite-text file cannot find a mask; leave tflite-text out")
    if any(graph.by_token for graph in model.graphs()):
        raise ExportError(
            f"{model.task.name}: a tflite-text file returns no token ids, so its per-token outputs cannot be matched "
            "to tokens; leave tflite-text out"
        )
    required = [each.name for each in model.task.fields if each.required]
    if len(required) > 1:
        raise ExportError(
            f"{model.task.name}: a tflite-text file takes a single text, not {' and '.join(required)}; leave "
            "tflite-text out"
        )
    check_tokenizer(model.tokenizer)
