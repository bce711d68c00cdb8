"""A bundle: the model's files, the vocabulary, what the model is, and the answers to check any port against."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import keras

from kerasbert.errors import ExportError
from kerasbert.export.formats.tflite.integers import calibration_texts
from kerasbert.export.gate import golden
from kerasbert.export.gate.parity import Row, Truth, check, report, verify
from kerasbert.export.report.page import write_report
from kerasbert.export.web import runtimes, write_page
from kerasbert.export.web.npm import fetch
from kerasbert.files import check_target, new_folder
from kerasbert.runtime.manifest import File, Manifest, measure


def _tflite(model, folder: Path, variants: Sequence["Variant"], settings: "Settings") -> None:
    from kerasbert.export.formats.tflite.file import write_tflite

    write_tflite(
        model,
        {folder / variant.path: variant.quantize for variant in variants},
        lengths=settings.lengths,
        texts=settings.texts,
        legacy_runtime=settings.legacy_runtime,
    )


def _onnx(model, folder: Path, variants: Sequence["Variant"], settings: "Settings") -> None:
    from kerasbert.export.formats.onnx.file import write_onnx

    write_onnx(model, {folder / variant.path: variant.quantize for variant in variants})


def _saved_model(model, folder: Path, variants: Sequence["Variant"], settings: "Settings") -> None:
    from kerasbert.export.formats.saved_model.file import write_saved_model

    for variant in variants:
        write_saved_model(model, folder / variant.path)


def _mediapipe(model, folder: Path, variants: Sequence["Variant"], settings: "Settings") -> None:
    from kerasbert.export.formats.mediapipe.file import write_mediapipe

    write_mediapipe(
        model,
        {folder / variant.path: variant.quantize for variant in variants},
        length=settings.lengths[-1],
        legacy_runtime=settings.legacy_runtime,
    )


def _trainable(model, folder: Path, variants: Sequence["Variant"], settings: "Settings") -> None:
    from kerasbert.export.formats.tflite.trainable import write_trainable

    targets = {folder / variant.path: variant.quantize for variant in variants}
    write_trainable(model, targets, length=settings.lengths[-1], legacy_runtime=settings.legacy_runtime)


def _text_tflite(model, folder: Path, variants: Sequence["Variant"], settings: "Settings") -> None:
    from kerasbert.export.formats.tflite.text import write_text_tflite

    targets = {folder / variant.path: variant.quantize for variant in variants}
    write_text_tflite(model, targets, length=settings.lengths[-1], legacy_runtime=settings.legacy_runtime)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What writers are told beside the variants.

    Attributes:
        lengths: of signatures, the longest last.
        texts: first and second ones, to calibrate integers; None: golden ones.
        legacy_runtime: `.tflite` files for runtimes of 2022 (`kerasbert.export.formats.tflite.file.LEGACY`).
    """

    lengths: Sequence[int]
    texts: tuple[Sequence[str], Sequence[str] | None] | None = None
    legacy_runtime: bool = False


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
    "tflite-float16": Variant("tflite", "model_float16.tflite", "float16"),
    "onnx-int8": Variant("onnx", "model_int8.onnx", "int8"),
    "onnx-int8-mixed": Variant("onnx", "model_int8_mixed.onnx", "int8-mixed"),
    "onnx-float16": Variant("onnx", "model_float16.onnx", "float16"),
    "saved_model": Variant("savedmodel", "saved_model", "none"),
    "mediapipe": Variant("mediapipe", "mediapipe.tflite", "none"),
    "mediapipe-int8": Variant("mediapipe", "mediapipe_int8.tflite", "int8"),
    "tflite-int4": Variant("tflite", "model_int4.tflite", "int4"),
    "tflite-int16x8": Variant("tflite", "model_int16x8.tflite", "int16x8"),
    "tflite-full-int8": Variant("tflite", "model_full_int8.tflite", "full-int8"),
    "tflite-trainable": Variant("trainable", "model_trainable.tflite", "none"),
    "tflite-trainable-int8": Variant("trainable", "model_trainable_int8.tflite", "int8"),
    "tflite-text": Variant("tflite-text", "model_text.tflite", "none"),
    "tflite-text-int8": Variant("tflite-text", "model_text_int8.tflite", "int8"),
}
WRITERS: dict[str, Callable] = {
    "tflite": _tflite,
    "onnx": _onnx,
    "savedmodel": _saved_model,
    "mediapipe": _mediapipe,
    "trainable": _trainable,
    "tflite-text": _text_tflite,
}
USUAL = ("tflite", "onnx", "savedmodel")
"""Formats that every model has. MediaPipe and, in `.tflite` files, tensorflow-text have no byte-pair tokenizer, and
each file holds the weights once more."""
QUANTIZE = ("int4", "full-int8", "int16x8", "int8", "int8-mixed", "float16", "none")
"""How weights are stored; each is gentler than those before it, and where a file loses too much accuracy, the next that
its format has is tried. Those of `CALIBRATED`, which are slow on a CPU, are not tried in place of the others.

"int8-mixed" is ONNX's alone (`kerasbert.export.formats.onnx.weights`). TFLite's converter has no list of what it
is to leave out of dynamic range: only what is computed at run time is left out, and such a matrix would be kept in
float32 whole and packed anew for every text.
"""
CALIBRATED = ("full-int8", "int16x8")
"""Those whose activations have ranges that are measured on texts."""
SHORTEST = 16
"""The least length of a `.tflite` signature; others are twice, four times, ... as long."""
PACKAGES = ("kerasbert", "keras", "tensorflow", "tf2onnx", "onnx")


def export_bundle(
    model,
    folder: str | Path,
    *,
    formats: str | Sequence[str] | None = None,
    quantize: str | Sequence[str] = ("none", "int8"),
    sequence_lengths: Sequence[int] | None = None,
    data: str | Path | None = None,
    columns: dict | None = None,
    max_drop: float | None = None,
    legacy_runtime: bool = False,
    trainable_head: bool = False,
    web: bool = False,
    progress: Callable[[str], None] = lambda step: None,
) -> list[Row]:
    """Writes a bundle, checks every file of it against the Keras model, and leaves nothing if one fails.

    `kerasbert.export.tflite`, `.onnx` and `.saved_model` are this function with `formats` chosen.

    Args:
        model: a `TextClassifier`, `SentenceEncoder` or `FeatureExtractor` with a tokenizer. One of mixed precision is
            exported from its float32 variables.
        folder: absent or empty.
        formats: of "tflite", "onnx", "savedmodel", "mediapipe", "tflite-text"; None: all of `USUAL` that can be had so.
        quantize: of `QUANTIZE`.
        sequence_lengths: of the signatures of `.tflite` files, up to the model's `max_length`, which is always one;
            a text runs in the shortest that holds it. None: 16, 32, 64 and so on.
        data: a labelled file that the gate is also run on, and whose texts calibrate integers.
        columns: for `kerasbert.examples.readers.read_examples`.
        max_drop: points of accuracy that a quantised file may lose on `data`. One that loses more is replaced by one of
            gentler settings (`QUANTIZE`), and that is said. None: a quantised file that loses 0.5 points fails.
        legacy_runtime: `.tflite` files for TFLite 2.9 and later, as the Task Library has it; others need 2.17 for int8.
            A matrix has then one int8 scale, not one a column, which costs accuracy.
        trainable_head: adds `.tflite` files whose head learns on the device (`kerasbert.export.formats.tflite`); the
            runtime takes one only if it is named.
        web: adds a page that runs the files in a browser (`kerasbert.export.web`).
        progress: told of each step before it starts.

    Returns:
        A row a file, as in report.json.

    Raises:
        ExportError: a file could not be made, or did not pass.
        DataError: a row of `data` that cannot be used.
    """
    chosen = _chosen_variants(formats, quantize)
    if trainable_head:
        chosen |= _chosen_variants("trainable", quantize)
    if any(variant.format == "trainable" for variant in chosen.values()) and not model.labels:
        raise ExportError(f"{model.task.name}: has no head to learn on the device; leave trainable_head out")
    if legacy_runtime and any(variant.quantize == "int4" for variant in chosen.values()):
        raise ExportError("int4: no runtime of 2022 has kernels for it; leave legacy_runtime out, or take int8")
    if max_drop is not None and (data is None or not 0 <= max_drop <= 100):
        raise ExportError(f"max_drop is {max_drop}: points of accuracy, 0 to 100, on labelled data; give data as well")
    lengths = _lengths(sequence_lengths, model.max_length)
    if keras.backend.backend() != "tensorflow":
        raise ExportError(
            f"exports are written by TensorFlow, but Keras runs on {keras.backend.backend()}: save_pretrained the "
            "model, and export it with KERAS_BACKEND=tensorflow"
        )
    if model.tokenizer is None:
        raise ExportError(
            "this model has no tokenizer; put vocab.txt or tokenizer.json into its folder, or give its encoder one"
        )
    if web:  # before any long work: the first time, it needs a network
        for package in runtimes(variant.path for variant in chosen.values()):
            fetch(package)
    check_target(folder, megabytes=model.count_params() * 4e-6 * (len(chosen) + 1))
    model = _float32(model)
    truth = None if data is None else Truth.read(data, model, **(columns or {}))
    texts = None if truth is None else calibration_texts(truth.texts, truth.pairs)
    settings = Settings(lengths=lengths, texts=texts, legacy_runtime=legacy_runtime)
    with new_folder(folder) as building:
        model.tokenizer.save(building)
        progress("recording the Keras model's answers")
        golden.write(model, building)
        checksums = {path.name: measure(path)[1] for path in sorted(building.iterdir())}
        reference = None if truth is None else model.predict_logits(truth.texts, truth.pairs)
        manifest = Manifest(
            task=model.task.name,
            outputs=list(model.named_outputs),
            problem_type=model.problem_type,
            labels=list(model.labels),
            max_length=model.max_length,
            lengths=lengths,
            inputs=list(model.encoder.input),
            pad_id=model.config.pad_token_id,
            tokenizer=model.tokenizer.options(),
            files={},
            checksums=checksums,
            versions={package: version(package) for package in PACKAGES},
        )
        rows, wanted = [], list(chosen)
        while wanted:
            _write(model, building, manifest, {name: VARIANTS[name] for name in wanted}, settings, progress)
            gate = {"truth": truth, "reference": reference, "max_drop": max_drop}
            rows += verify(building, **gate, files=wanted, progress=progress)
            wanted = [] if max_drop is None else _gentler(building, manifest, rows, progress)
        check(rows)
        if web:
            progress("writing the page")
            write_page(building)
        (building / "report.json").write_text(json.dumps(report(rows), indent=2) + "\n", encoding="utf-8")
        write_report(building, manifest, rows)
    return rows


def _write(
    model, folder: Path, manifest: Manifest, variants: dict[str, Variant], settings: Settings, progress: Callable
) -> None:
    """Writes files of a bundle, and the manifest that lists them beside those that were there."""
    for format in dict.fromkeys(variant.format for variant in variants.values()):
        calibrated = any(v.format == format and v.quantize in CALIBRATED for v in variants.values())
        source = "the golden texts" if settings.texts is None else f"{len(settings.texts[0])} texts of the data"
        progress(f"writing {format}{f', calibrated on {source}' if calibrated else ''}")
        WRITERS[format](model, folder, [v for v in variants.values() if v.format == format], settings)
    manifest.files.update({name: File.describe(folder, v.path, v.precision) for name, v in variants.items()})
    manifest.write(folder)


def _gentler(folder: Path, manifest: Manifest, rows: list[Row], progress: Callable) -> list[str]:
    """Takes quantised files that failed out of a bundle; returns the names of those to write in their place."""
    wanted = []
    for row in [row for row in rows if row.failed and VARIANTS[row.format].quantize != "none"]:
        name = in_place_of(row.format)
        progress(f"{row.format}: {row.failed}; {name} instead")
        (folder / row.path).unlink()
        del manifest.files[row.format]
        rows.remove(row)
        if name not in manifest.files and name not in wanted:
            wanted.append(name)
    if not wanted:
        manifest.write(folder)
    return wanted


def in_place_of(name: str) -> str:
    """The row of `VARIANTS` that is tried where another of the same format, not a float32 one, loses too much."""
    failed = VARIANTS[name]
    of_format = {variant.quantize: name for name, variant in VARIANTS.items() if variant.format == failed.format}
    slow = () if failed.quantize in CALIBRATED else CALIBRATED
    gentler = QUANTIZE[QUANTIZE.index(failed.quantize) + 1 :]
    return next(of_format[quantize] for quantize in gentler if quantize in of_format and quantize not in slow)


def _chosen_variants(formats: str | Sequence[str] | None, quantize: str | Sequence[str]) -> dict[str, Variant]:
    """The rows of `VARIANTS` that are asked for: one at least of each format that is named."""
    named = _chosen("formats", USUAL if formats is None else formats, tuple(WRITERS))
    quantize = _chosen("quantize", quantize, QUANTIZE)
    chosen = {name: v for name, v in VARIANTS.items() if v.format in named and v.quantize in quantize}
    for format in () if formats is None else named:
        if all(variant.format != format for variant in chosen.values()):
            has = ", ".join(variant.quantize for variant in VARIANTS.values() if variant.format == format)
            raise ExportError(f"{format}: has no {', '.join(quantize)}; quantize can be {has} there")
    return chosen


def _chosen(what: str, names: str | Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The names, one or more, all of them known: a wrong one must not leave a file out without a word."""
    names = (names,) if isinstance(names, str) else tuple(names)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        given = ", ".join(map(repr, unknown)) or "empty, so there is nothing to export"
        raise ExportError(f"{what} is {given}: use one or more of {', '.join(known)}")
    return names


def _lengths(wanted: Sequence[int] | None, longest: int) -> list[int]:
    """Lengths of the signatures, the longest last."""
    if wanted is None:
        wanted = [SHORTEST << doubled for doubled in range(16)]
        return [length for length in wanted if length < longest] + [longest]
    wrong = [length for length in wanted if not 3 <= length <= longest]
    if wrong:
        raise ExportError(f"sequence_lengths: {wrong[0]} is not from 3 to {longest}, the model's max_length")
    return sorted({*wanted, longest})


def _float32(model):
    """The model itself, or its float32 twin: TFLite's converter crashes on mixed precision (tensorflow #46380)."""
    if all(layer.compute_dtype == "float32" for layer in (*model.layers, *model.encoder.layers)):
        return model
    config = model.get_config()
    encoder = {**config["encoder"], "dtype": "float32"}
    twin = type(model).from_config({**config, "encoder": encoder, "dtype": "float32"})
    twin.set_weights(model.get_weights())
    twin.encoder.tokenizer = model.tokenizer
    return twin
