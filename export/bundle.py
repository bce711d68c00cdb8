"""A bundle: the model's files, the vocabulary, what the model is, and the answers to check any port against."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from kerasbert.export import golden
from kerasbert.export.verify import Row, check, report, verify

from kerasbert.errors import ExportError
from kerasbert.files import check_target, new_folder
from kerasbert.runtime.manifest import File, Manifest


def _tflite(model, folder: Path, files: dict[str, "Variant"]) -> None:
    from kerasbert.export.tflite import write_tflite_files

    write_tflite_files(model, {folder / file.path: file.quantize for file in files.values()}, length=model.max_length)


def _onnx(model, folder: Path, files: dict[str, "Variant"]) -> None:
    from kerasbert.export.onnx import write_onnx

    for file in files.values():
        write_onnx(model, folder / file.path)


def _saved_model(model, folder: Path, files: dict[str, "Variant"]) -> None:
    from kerasbert.export.saved_model import write_saved_model

    for file in files.values():
        write_saved_model(model, folder / file.path)


@dataclass(frozen=True)
class Variant:
    """One kind of file: its format on the command line, its name in the bundle, how its weights are stored."""

    format: str
    path: str
    quantize: str

    @property
    def precision(self) -> str:
        return "float32" if self.quantize == "none" else self.quantize


# The order is the runtime's preference: it takes the first that it can run.
VARIANTS = {
    "tflite": Variant("tflite", "model.tflite", "none"),
    "onnx": Variant("onnx", "model.onnx", "none"),
    "tflite-int8": Variant("tflite", "model_int8.tflite", "int8"),
    "saved_model": Variant("savedmodel", "saved_model", "none"),
}
WRITERS: dict[str, Callable] = {"tflite": _tflite, "onnx": _onnx, "savedmodel": _saved_model}
PACKAGES = ("kerasbert", "keras", "tensorflow", "tf2onnx", "onnx")


def export(
    model,
    folder: str | Path,
    *,
    formats: Sequence[str] = tuple(WRITERS),
    quantize: Sequence[str] = ("none", "int8"),
    data: str | Path | None = None,
    columns: dict | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> list[Row]:
    """Writes a bundle, checks every file of it against the Keras model, and leaves nothing if one fails.

    Args:
        model: a `TextClassifier` with a tokenizer.
        folder: absent or empty.
        formats: of "tflite", "onnx", "savedmodel". quantize: of "none", "int8"; only TFLite has int8.
        data: a labelled file that the gate is also run on. columns: for `kerasbert.data.readers.read_examples`.
        progress: told of each step before it starts.

    Returns:
        A row a file, as in report.json.

    Raises:
        ExportError: a file could not be made, or did not pass.
    """
    chosen = {
        name: variant
        for name, variant in VARIANTS.items()
        if variant.format in formats and (variant.quantize in quantize or variant.format != "tflite")
    }
    if not chosen:
        raise ExportError(f"nothing to export: formats {', '.join(formats) or 'none'}, quantize {', '.join(quantize)}")
    if model.tokenizer is None:
        raise ExportError("the model has no tokenizer, and a bundle needs one; load it with from_pretrained")
    weights = sum(variable.size for variable in model.trainable_variables) * 4e-6
    check_target(folder, megabytes=weights * (len(chosen) + 1))
    with new_folder(folder) as building:
        model.tokenizer.save(building)
        progress("recording the Keras model's answers")
        golden.write(model, building)
        for format in dict.fromkeys(variant.format for variant in chosen.values()):
            progress(f"writing {format}")
            WRITERS[format](model, building, {n: v for n, v in chosen.items() if v.format == format})
        Manifest(
            task="text_classifier",
            problem_type=model.problem_type,
            labels=model.labels,
            max_length=model.max_length,
            inputs=list(model.encoder.input),
            pad_id=model.config.pad_token_id,
            tokenizer=model.tokenizer.options(),
            files={name: File.describe(building, v.path, v.precision) for name, v in chosen.items()},
            versions={package: version(package) for package in PACKAGES},
        ).write(building)
        rows = []
        checks = verify(building, data=data, columns=columns)
        for name in chosen:
            progress(f"checking {name}")
            rows.append(next(checks))
        check(rows)
        (building / "report.json").write_text(json.dumps(report(rows), indent=2) + "\n", encoding="utf-8")
    return rows
