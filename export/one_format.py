"""`export_bundle` for one format, under the names `kerasbert.export.tflite`, `.onnx` and `.saved_model`."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kerasbert.export.bundle import export_bundle
from kerasbert.export.gate.verify import Row


def tflite(
    model,
    folder: str | Path,
    *,
    quantize: str | Sequence[str] = ("none", "int8"),
    sequence_lengths: Sequence[int] | None = None,
    data: str | Path | None = None,
    columns: Mapping[str, str | None] | None = None,
    max_drop: float | None = None,
    legacy_runtime: bool = False,
    trainable_head: bool = False,
    web: bool = False,
    progress: Callable[[str], None] = lambda step: None,
) -> list[Row]:
    """Writes a bundle of `.tflite` files, for LiteRT on phones, small computers and servers.

    ```python
    kb.export.tflite(model, "phone/", quantize="int8", sequence_lengths=[32, 64])
    ```

    Every file has one signature per sequence length, and all signatures share the weights. Inputs: the token ids and
    masks, int32 (1, length). Outputs: the task's, float32 (1, ...). Every file is checked against the Keras model.

    Args:
        model: a model of a task, with a tokenizer.
        folder: where to write; absent or empty.
        quantize: how weights are stored; one or more of "none" (float32), "float16", "int8", "int4", and for NPUs
            "int16x8" and "full-int8". One file each.
        sequence_lengths: input lengths, besides the model's `max_length`. None: 16, 32, 64, ...
        data: a labelled file. The files must answer it as well as Keras does.
        columns: names of the columns of `data`, such as {"text": "review", "label": "stars"}. None: the usual names.
        max_drop: points of accuracy that a quantised file may lose on `data` before a gentler one replaces it.
        legacy_runtime: writes files that TFLite 2.9 to 2.16 read too.
        trainable_head: adds files whose head learns on the device.
        web: adds a page that runs the files in a browser.
        progress: called with each step before it starts.

    Returns:
        One row per file, as in report.json.

    Raises:
        ExportError: a file could not be made, or did not pass the checks.
    """
    return export_bundle(
        model,
        folder,
        formats="tflite",
        quantize=quantize,
        sequence_lengths=sequence_lengths,
        data=data,
        columns=columns,
        max_drop=max_drop,
        legacy_runtime=legacy_runtime,
        trainable_head=trainable_head,
        web=web,
        progress=progress,
    )


def onnx(
    model,
    folder: str | Path,
    *,
    quantize: str | Sequence[str] = ("none", "int8"),
    data: str | Path | None = None,
    columns: Mapping[str, str | None] | None = None,
    max_drop: float | None = None,
    web: bool = False,
    progress: Callable[[str], None] = lambda step: None,
) -> list[Row]:
    """Writes a bundle of `.onnx` files of opset 17, for ONNX Runtime and other engines.

    ```python
    kb.export.onnx(model, "server/", quantize=["none", "int8"])
    ```

    Inputs: the token ids and masks, int64 (batch, sequence), both axes free. Outputs: the task's, float32 (batch, ...).
    Every file is checked against the Keras model.

    Args:
        model: a model of a task, with a tokenizer.
        folder: where to write; absent or empty.
        quantize: how weights are stored; one or more of "none" (float32), "float16", "int8", "int8-mixed". One file
            each.
        data, columns, max_drop, web, progress: as for `kerasbert.export.tflite`.

    Returns:
        One row per file, as in report.json.

    Raises:
        ExportError: ONNX cannot express the model, or a file did not pass the checks.
    """
    return export_bundle(
        model,
        folder,
        formats="onnx",
        quantize=quantize,
        data=data,
        columns=columns,
        max_drop=max_drop,
        web=web,
        progress=progress,
    )


def saved_model(
    model,
    folder: str | Path,
    *,
    data: str | Path | None = None,
    columns: Mapping[str, str | None] | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> list[Row]:
    """Writes a bundle with a SavedModel, for TensorFlow Serving and plain TensorFlow. Its weights are float32.

    ```python
    kb.export.saved_model(model, "serving/")
    ```

    The signature `predict` takes token ids, int32 (batch, sequence). For WordPiece vocabularies, others take the texts
    themselves, strings (batch,): `classify`, `embed` or `encode`, each also with `_pair`. A model that writes texts has
    `encoder` and `decoder_step` in place of `predict`, and `translate` takes texts and gives texts. The file is checked
    against the Keras model.

    Args:
        model: a model of a task, with a tokenizer.
        folder: where to write; absent or empty.
        data, columns, progress: as for `kerasbert.export.tflite`.

    Returns:
        One row, as in report.json.

    Raises:
        ExportError: the file could not be made, or did not pass the checks.
    """
    return export_bundle(
        model, folder, formats="saved_model", quantize="none", data=data, columns=columns, progress=progress
    )
