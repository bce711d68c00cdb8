"""Writes bundles: model files, vocabulary, a description, and recorded answers to check the files against."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

from kerasbert.export.exportable import as_exported, check_model
from kerasbert.export.formats.settings import Settings, signature_lengths
from kerasbert.export.formats.tflite.integers import spread
from kerasbert.export.formats.tflite.lowest import lowest
from kerasbert.export.gate import golden
from kerasbert.export.gate.verify import Reference, Row, check, read_data, report, verify
from kerasbert.export.options import ExportOptions
from kerasbert.export.report.page import write_report
from kerasbert.export.variants import CALIBRATED, OUTPUTS, VARIANTS, WRITERS, Variant, in_place_of, parts_of
from kerasbert.export.web import runtimes, write_page
from kerasbert.export.web.npm import fetch
from kerasbert.files import check_target, new_folder
from kerasbert.runtime.kinds import KINDS, function_at
from kerasbert.runtime.manifest import File, Manifest, Part, measure
from kerasbert.tasks.task import Example

log = logging.getLogger("kerasbert")

PACKAGES = ("kerasbert", "keras", "tensorflow", "tf2onnx", "onnx")
"""Packages whose versions are written into kerasbert.json."""


def export_bundle(
    model,
    folder: str | Path,
    options: ExportOptions | None = None,
    *,
    progress: Callable[[str], None] = lambda step: None,
    **changes,
) -> list[Row]:
    """Writes a bundle and checks every file of it against the Keras model. If a file fails, nothing is written.

    ```python
    export_bundle(model, "bundle/")                                    # TFLite, ONNX and SavedModel
    export_bundle(model, "phone/", formats="tflite", quantize="int8")  # one file
    ```

    Args:
        model: a `TextClassifier`, `SentenceEncoder` or `FeatureExtractor` with a tokenizer. A mixed-precision model is
            exported from its float32 variables, one with LoRA with merged kernels.
        folder: the folder to write, absent or empty.
        options: see `kerasbert.export.options.ExportOptions`; None means the defaults.
        progress: called before each step, with a line that describes it.
        changes: single options by name, which override those of `options`.

    Returns:
        One row per file, as in report.json.

    Raises:
        ExportError: a file could not be made, or did not pass the checks.
        DataError: a row of `data` cannot be used.
    """
    options = ExportOptions(**changes) if options is None else replace(options, **changes)
    chosen = options.variants()
    check_model(model, options)
    lengths = signature_lengths(options.sequence_lengths, model.max_length, model.count_params())
    if options.web:  # before long work, because the first time needs a network
        for package in runtimes((variant.kind for variant in chosen.values()), model.graphs()):
            fetch(package)
    check_target(folder, megabytes=model.count_params() * 4e-6 * (len(chosen) + 1))
    model = as_exported(model)
    data = read_data(options.data, model.task, model.settings, options.columns) if options.data else []
    settings = Settings(lengths=lengths, examples=spread(data) if data else (), legacy_runtime=options.legacy_runtime)
    with new_folder(folder) as building:
        manifest = _begin(model, building, lengths, progress)
        rows = _write_and_check(model, building, manifest, chosen, settings, data, options.max_drop, progress)
        check(rows)
        if options.web:
            progress("writing the page")
            write_page(building)
        (building / "report.json").write_text(json.dumps(report(rows), indent=2) + "\n", encoding="utf-8")
        write_report(building, manifest, rows)
    return rows


def _begin(model, folder: Path, lengths: list[int], progress: Callable[[str], None]) -> Manifest:
    """Writes all but the model files, and returns a manifest without these."""
    model.tokenizer.save(folder, max_length=model.max_length)
    progress("recording the Keras model's answers")
    golden.write(model, folder)
    checksums = {path.name: measure(path)[1] for path in sorted(folder.iterdir())}
    model.write_hub_files(folder)  # not in checksums: an answer does not depend on them, and the hub lets people edit
    return Manifest(
        task=model.task.name,
        settings=json.loads(json.dumps(asdict(model.exported_settings()))),
        graphs=list(model.graphs()),
        lengths=lengths,
        tokenizer=model.tokenizer.options(),
        files={},
        checksums=checksums,
        versions={package: version(package) for package in PACKAGES},
    )


def _write_and_check(
    model,
    folder: Path,
    manifest: Manifest,
    variants: Mapping[str, Variant],
    settings: Settings,
    data: Sequence[Example],
    max_drop: float | None,
    progress: Callable[[str], None],
) -> list[Row]:
    """Writes and checks the files, one kind after the other: what writing the next kind leaves in memory would be
    there beside a large file. With `max_drop`, files that fail are replaced by less quantised ones.
    """
    gate = {"data": data, "reference": Reference.of(model, data) if data else None, "max_drop": max_drop}
    rows, asked = [], list(variants)
    while variants:
        for kind in dict.fromkeys(variant.kind for variant in variants.values()):
            chosen = {name: variant for name, variant in variants.items() if variant.kind == kind}
            write_files(model, folder, kind, chosen.values(), settings, progress=progress)
            manifest.files.update({name: _described(folder, manifest, variant) for name, variant in chosen.items()})
            manifest.write(folder)
            rows += verify(folder, **gate, files=list(chosen), progress=progress)
        variants = {} if max_drop is None else _gentler(folder, manifest, rows, progress)
    order = [name for name in dict.fromkeys([*asked, *manifest.files]) if name in manifest.files]
    replace(manifest, files={name: manifest.files[name] for name in order}).write(folder)
    order.sort(key=lambda name: manifest.files[name].precision != "float32")  # as `verify` checks them
    return sorted(rows, key=lambda row: order.index(row.format))


def _described(folder: Path, manifest: Manifest, variant: Variant) -> File:
    parts = parts_of(variant.kind, variant.path, [graph.name for graph in manifest.graphs])
    names = OUTPUTS.get(variant.kind, {})
    outputs = [each.name for graph in manifest.graphs for each in graph.outputs]
    facts = {
        "kind": variant.kind,
        "precision": variant.precision,
        "parts": tuple(Part.describe(folder, *part) for part in parts.items()),
        "outputs": {name: names[name] for name in outputs if name in names},
    }
    if KINDS[variant.kind].cuts and manifest.definition.averages:
        facts["cuts_at"] = manifest.task_settings.max_length
        said = "%s: cuts a text at %d tokens; the other files read a longer one in windows"
        log.info(said, variant.path, facts["cuts_at"])
    if KINDS[variant.kind].tflite:
        facts["runtimes"] = lowest((folder / variant.path).read_bytes())
    return File(**facts)


def write_files(
    model,
    folder: Path,
    kind: str,
    variants: Iterable[Variant],
    settings: Settings,
    *,
    progress: Callable[[str], None],
) -> None:
    """Writes a model's files of one kind into a folder.

    Args:
        model: the Keras model, in float32.
        folder: an existing folder.
        kind: a kind of file. variants: the files, which are of this kind.
        settings: settings that all writers share.
        progress: called before the step, with a line that describes it.
    """
    targets = {folder / variant.path: variant.quantize for variant in variants}
    rows = f"{len(settings.examples)} rows of the data and " if settings.examples else ""
    calibrated = set(targets.values()) & set(CALIBRATED)
    progress(f"writing {kind}{f', calibrated on {rows}built-in texts' if calibrated else ''}")
    for path in targets:
        path.parent.mkdir(exist_ok=True)
    writer(kind)(model, targets, settings)


def writer(kind: str) -> Callable:
    """Returns the function that writes a kind of file."""
    return function_at(WRITERS[kind])


def _gentler(folder: Path, manifest: Manifest, rows: list[Row], progress: Callable[[str], None]) -> dict[str, Variant]:
    """Removes quantised files that failed from a bundle, and returns the variants to write in their place."""
    wanted = {}
    for row in [row for row in rows if row.failed and VARIANTS[row.format].quantize != "none"]:
        name = in_place_of(row.format)
        progress(f"{row.format}: {row.failed}; {name} instead")
        for part in manifest.files.pop(row.format).parts:
            (folder / part.path).unlink()
        rows.remove(row)
        if name not in manifest.files:
            wanted[name] = VARIANTS[name]
    if not wanted:
        manifest.write(folder)
    return wanted
