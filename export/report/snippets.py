"""The programs that run a bundle's files, with the bundle's own names, labels, lengths and ids in them.

They answer one sentence of golden.json, so that what they must print is known.
"""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from string import Template

import numpy as np

from kerasbert.export.gate import golden
from kerasbert.export.report.programs import ENDS, LABELS, PROGRAMS, Snippet
from kerasbert.runtime.manifest import Manifest
from kerasbert.runtime.text_file import reads_text
from kerasbert.tasks.table import TASKS

SENTENCE = "a lovely film"


def snippets(folder: Path, manifest: Manifest) -> list[Snippet]:
    """The programs for the files that a bundle has, Python's first."""
    kinds, values = kinds_of(folder, manifest), _values(folder, manifest)
    made = []
    for program in PROGRAMS:
        if program.needs in kinds and program.task in ("", manifest.task):
            path = kinds[program.needs]
            code = Template(program.code).substitute(values, file=path, stem=Path(path).stem)
            made.append(replace(program, code=code.strip() + "\n"))
    return made


def kinds_of(folder: Path, manifest: Manifest) -> dict[str, str]:
    """Kind -> the file of it to show: one with 8-bit weights if there is one.

    Kinds: "tflite", "onnx", "saved_model", "mediapipe" (a `.tflite` with vocabulary and labels inside), "trainable"
    (one whose head learns), "text" (a `.tflite` that takes a text), and "".
    """
    kinds = {}
    for name, file in sorted(manifest.files.items(), key=lambda item: item[1].precision != "int8"):
        kind = "saved_model" if name == "saved_model" else Path(file.path).suffix[1:]
        if kind == "tflite" and zipfile.is_zipfile(folder / file.path):  # the files inside are a ZIP at its end
            kind = "mediapipe"
        elif "trainable" in name:
            kind = "trainable"
        elif reads_text(file.path):
            kind = "text"
        kinds.setdefault(kind, file.path)
        if kind not in ("saved_model", "trainable", "text"):
            kinds.setdefault("", file.path)
    return kinds


def answer_of(folder: Path, manifest: Manifest) -> dict:
    """What the programs are to find: Keras's answer to `SENTENCE`."""
    row = _recorded(folder, manifest)
    outputs = {name: np.stack([row[name]]) for name in manifest.outputs}
    return TASKS[manifest.problem_type].decode(outputs, manifest.labels)[0]


def _recorded(folder: Path, manifest: Manifest) -> dict:
    """The row of golden.json that holds `SENTENCE`."""
    rows = golden.read(folder, manifest.outputs, TASKS[manifest.problem_type].by_token)
    return next(row for row in rows if (row["text"], row["pair"]) == (SENTENCE, None))


def _values(folder: Path, manifest: Manifest) -> dict:
    """What the templates are filled with."""
    ids, inputs = _recorded(folder, manifest)["input_ids"], manifest.inputs
    length = next(length for length in manifest.lengths if length >= len(ids))
    signatures = {n: f"tokens_{n}" for n in manifest.lengths} | {manifest.lengths[-1]: "serving_default"}
    labels = ", ".join(json.dumps(label, ensure_ascii=False) for label in manifest.labels)
    python = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
    kotlin = {
        "input_ids": f"IntArray({length}) {{ ids.getOrElse(it) {{ {manifest.pad_id} }} }}",
        "attention_mask": f"IntArray({length}) {{ if (it < ids.size) 1 else 0 }}",
        "token_type_ids": f"IntArray({length})",
    }
    learning = {
        "input_ids": f"padded {{ ids.getOrElse(it) {{ {manifest.pad_id} }} }}",
        "attention_mask": "padded { if (it < ids.size) 1 else 0 }",
        "token_type_ids": "padded { 0 }",
    }
    swift = {
        "input_ids": f"padded(ids, with: {manifest.pad_id})",
        "attention_mask": "padded(ids.map { _ in 1 }, with: 0)",
        "token_type_ids": "padded([], with: 0)",
    }
    javascript = {name: f"tensor({'ids' if name == 'input_ids' else name})" for name in inputs}

    def lines(form: str, values: dict) -> str:
        return "\n".join(form.format(name, values[name]) for name in inputs)

    values = {
        "sentence": json.dumps(SENTENCE),
        "max_length": manifest.max_length,
        "pad_id": manifest.pad_id,
        "ids": ", ".join(map(str, ids)),
        "length": length,
        "signature": signatures[length],
        "signatures": signatures,
        "output": manifest.outputs[0],
        "labels": labels,
        "labels_kotlin": labels.replace("$", "\\$"),
        "inputs_python": lines('    "{}": encoding.{},', python),
        "inputs_kotlin": lines('    "{}" to {},', kotlin),
        "inputs_learning": lines('    "{}" to {},', learning),
        "count": len(manifest.labels),
        "inputs_swift": lines('    "{}": {},', swift),
        "inputs_javascript": lines("  {}: {},", javascript),
    }
    ends = ENDS[manifest.problem_type].items()
    for language, label in LABELS.get(manifest.problem_type, {}).items():
        values[f"label_{language}"] = Template(label).substitute(count=len(manifest.labels))
    return values | {f"end_{language}": Template(end).substitute(values) for language, end in ends}
