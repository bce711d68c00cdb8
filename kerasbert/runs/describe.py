"""Describes a path as plain values: one function per kind of file or folder."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import prod
from pathlib import Path

from kerasbert.checkpoints.formats import foreign_format
from kerasbert.config import BertConfig, family_name, is_pair
from kerasbert.errors import BundleError, ConfigError, DataError, KerasBertError
from kerasbert.runtime.manifest import NAME as MANIFEST
from kerasbert.runtime.manifest import File, Manifest, measure
from kerasbert.tasks.task import Example, Task


def describe(path: str | Path) -> dict:
    """Facts about a model folder, a bundle, a SavedModel, a model file or a labelled file, as plain values.

    Raises:
        KerasBertError: nothing there, nothing that kerasbert knows, or broken.
    """
    path = Path(path)
    if foreign_format(path):  # a checkpoint of TensorFlow may be named by the begin of its files' names
        kind, known = _model, ""
    elif not path.exists():
        raise KerasBertError(f"{path}: no such file or folder")
    elif path.is_dir():
        kind = next((kind for name, kind in FOLDERS.items() if (path / name).exists()), None)
        known = f"a checkpoint, or a folder with {', '.join(FOLDERS)}"
    elif not path.is_file():
        raise KerasBertError(f"{path}: is a pipe or a device, not a regular file; write its content to a file first")
    else:
        kind, known = FILES.get(path.suffix.lower()), f"a file of {', '.join(FILES)}"
    if kind is None:
        raise KerasBertError(f"{path}: nothing that kerasbert knows; it inspects {known}")
    return kind(path)


def _megabytes(path: Path) -> float:
    return round(measure(path)[0] / 1e6, 3)


def _bundle(path: Path) -> dict:
    manifest = Manifest.read(path)
    return {
        "kind": "bundle",
        "task": manifest.task,
        **manifest.settings,
        "lengths of .tflite": manifest.lengths,
        "inputs": list(dict.fromkeys(each.name for graph in manifest.graphs for each in graph.inputs)),
        "outputs": [each.name for graph in manifest.graphs for each in graph.outputs],
        "tokenizer": manifest.tokenizer["kind"],
        **{f"file {name}": _in_words(file) for name, file in manifest.files.items()},
        "versions": manifest.versions,
    }


def _in_words(file: File) -> str:
    lowest = file.lowest_runtimes
    facts = (file.path, file.kind, file.precision, f"{file.bytes / 1e6:.1f} MB", lowest and f"from {lowest} on")
    return ", ".join(filter(None, facts))


def _model(path: Path) -> dict:
    from kerasbert.checkpoints.formats import FORMATS
    from kerasbert.checkpoints.opening import open_checkpoint
    from kerasbert.checkpoints.tasks import stored_settings
    from kerasbert.tasks import NAMES, task_named

    checkpoint = open_checkpoint(path)
    task = checkpoint.task
    return {
        "kind": "model",
        "format": FORMATS[checkpoint.format].said,
        "family": " and ".join(family_name(part) for part in _parts(checkpoint.settings)),
        "architecture": checkpoint.architecture,
        "task": task,
        "heads of tasks": checkpoint.heads,
        **(_plain(stored_settings(checkpoint, task_named(task))) if task in NAMES else {}),
        **_encoder(checkpoint),
        **_weights(checkpoint.shapes),
        **({"not read": dict(checkpoint.skipped)} if checkpoint.skipped else {}),
    }


def _plain(settings: dict) -> dict:
    """Settings as JSON has them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}


def _parts(settings: dict) -> list[dict]:
    """What config.json says of the encoder and, if there is one, of the decoder."""
    return [settings["encoder"], settings["decoder"]] if is_pair(settings) else [settings]


def _encoder(checkpoint) -> dict:
    """The numbers of the encoder, and of a decoder, or why kerasbert cannot build them; the rest of the folder can be
    described all the same.
    """
    try:
        config = checkpoint.config
    except ConfigError as error:
        return {"cannot be opened": str(error)}
    return {**_numbers(config), **({"decoder": _numbers(checkpoint.pair.decoder)} if checkpoint.pair else {})}


def _numbers(config: BertConfig) -> dict:
    return {
        "layers": config.num_hidden_layers,
        "hidden_size": config.hidden_size,
        "heads": config.num_attention_heads,
        "vocab_size": config.vocab_size,
        "positions": config.max_length,
    }


def _weights(shapes: dict) -> dict:
    return {"tensors": len(shapes), "parameters": sum(map(prod, shapes.values()))}


def _tensors(path: Path) -> dict:
    """Facts about a file of weights, as the reader of its kind tells them."""
    from kerasbert.checkpoints import keras_weights
    from kerasbert.checkpoints.huggingface import WEIGHTS

    readers = {Path(each.name).suffix: each.read for each in WEIGHTS}
    keras = path.name.lower().endswith(".weights.h5")
    found = list(keras_weights.read(path) if keras else readers[path.suffix.lower()](path))
    shapes = {each.name: each.shape for each in found}
    types = Counter(each.dtype for each in found)
    listed = {name: list(shape) for name, shape in shapes.items()}
    return {"kind": "weights", "megabytes": _megabytes(path), "dtypes": dict(types), **_weights(shapes), **listed}


def _tflite(path: Path) -> dict:
    from kerasbert.export.formats.facts import NAME
    from kerasbert.export.formats.mediapipe.metadata import read_metadata
    from kerasbert.export.formats.tflite.entries import entry, open_model
    from kerasbert.export.formats.tflite.graph import longest_signatures, read_graph
    from kerasbert.export.formats.tflite.lowest import lowest

    longest = longest_signatures(path)
    found = {"graphs": {name: read_graph(path, name) for name in longest}} if longest else read_graph(path)
    facts = {"kind": "TFLite model", "megabytes": _megabytes(path), **found}
    facts["lowest runtimes"] = lowest(path.read_bytes())
    about = entry(open_model(path.read_bytes()), NAME)
    if about is not None:
        facts["about"] = json.loads(about)
    found = read_metadata(path)
    if found is None:
        return facts
    names = {"inputs": found.inputs, "outputs": found.outputs, "files": list(found.files)}
    return facts | {"metadata": names, "min_parser_version": found.min_parser_version}


def _onnx(path: Path) -> dict:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        proto = onnx.load(path)
    except DecodeError as error:
        raise BundleError(f"{path}: not a whole ONNX model ({error}); export again") from None
    if not proto.graph.node:  # what protobuf makes of an empty file
        raise BundleError(f"{path}: an ONNX model without operations; export again")

    def tensor(value) -> list:
        return [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]

    return {
        "kind": "ONNX model",
        "megabytes": _megabytes(path),
        "opset": {entry.domain or "onnx": entry.version for entry in proto.opset_import},
        "inputs": {value.name: tensor(value) for value in proto.graph.input},
        "outputs": {value.name: tensor(value) for value in proto.graph.output},
        "operations": dict(Counter(node.op_type for node in proto.graph.node).most_common()),
        **({"about": {each.key: each.value for each in proto.metadata_props}} if proto.metadata_props else {}),
    }


def _saved_model(path: Path) -> dict:
    from kerasbert.export.formats.saved_model.signatures import read_signatures

    return {"kind": "SavedModel", "megabytes": _megabytes(path), "signatures": read_signatures(path)}


def _labelled(path: Path) -> dict:
    """Facts about a labelled file, as the first task reads it that finds its right answers there."""
    from kerasbert.examples.readers import read_examples
    from kerasbert.tasks import NAMES, task_named

    tasks = sorted(map(task_named, NAMES), key=lambda task: not _lists(task))  # a prompt is also a text's usual name
    for task in (task for task in tasks if task.truths):
        try:
            examples = read_examples(path, task)
            break
        except DataError:
            continue
    else:
        task = next((each for each in tasks if each.format == path.suffix.lower()), task_named(NAMES[0]))
        examples = read_examples(path, task, labelled=False)
    labels = Counter(label for example in examples for label in _labels(example.truth))
    lengths = sorted(_words(example.fields[task.fields[0].name]) for example in examples)
    by_name = {"labels": dict(labels.most_common(20)), "different labels": len(labels)}
    return {
        "kind": task.words.examples,
        "read for": task.name,
        **({"also fits": others} if (others := _others(path, task)) else {}),
        "rows": len(examples),
        **(
            {"pairs": "text_pair" in examples[0].fields}
            if any(each.name == "text_pair" for each in task.fields)
            else {}
        ),
        **{f"{name} per row": _sizes(examples, name) for name in _lists(task)},
        **(by_name if "labels" in task.Settings.__dataclass_fields__ else _answered(task, examples)),
        "median words": lengths[len(lengths) // 2],
        "most words": lengths[-1],
    }


def _others(path: Path, read_for: Task) -> list[str]:
    """Further tasks that find their right answers in a labelled file. Without a model, labels fit none of them."""
    from kerasbert.examples.readers import read_examples
    from kerasbert.tasks import NAMES, task_named

    found = []
    for task in map(task_named, NAMES):
        if task.name == read_for.name or not task.truths or "labels" in task.Settings.__dataclass_fields__:
            continue
        with suppress(DataError):
            for example in read_examples(path, task):
                task.truth(example, None)
            found.append(task.name)
    return found


def _lists(task: Task) -> list[str]:
    """The fields of a task that are lists of texts."""
    return [each.name for each in task.fields if each.kind == "texts"]


def _sizes(examples: Sequence[Example], name: str) -> dict[str, int]:
    """How many examples have each number of texts in a field."""
    return {str(size): count for size, count in sorted(Counter(len(each.fields[name]) for each in examples).items())}


def _answered(task: Task, examples: Sequence[Example]) -> dict:
    """How many examples have no right answer, for a task whose right answers are lists."""
    truths = [task.truth(each, None) for each in examples if each.truth is not None]
    return {"without an answer": truths.count([])} if any(isinstance(each, list) for each in truths) else {}


def _labels(truth) -> list[str]:
    """The labels in a right answer: one, a list of them, or a list of spans that each have one."""
    if isinstance(truth, list):
        return [str(each.get("label")) if isinstance(each, dict) else str(each) for each in truth]
    return [] if truth is None else [str(truth)]


def _words(value) -> int:
    """The number of words in a text, in a list of words, or in a list of sentences."""
    return sum(len(each.split()) for each in ([value] if isinstance(value, str) else value))


def is_prepared(path: Path) -> bool:
    """Whether a path is a folder of pre-training data."""
    return any((path / name).is_file() for name, kind in FOLDERS.items() if kind is _prepared)


def draw_lengths(folder: Path, picture: Path) -> None:
    """The row lengths of prepared data as a PNG."""
    from kerasbert.corpus.index import Index
    from kerasbert.corpus.preview import plot_lengths

    plot_lengths(Index.read(folder), picture)


def _prepared(path: Path) -> dict:
    from kerasbert.corpus.index import Index
    from kerasbert.corpus.preview import preview

    index = Index.read(path)
    rows, tokens, instances = (index.total(name) for name in ("rows", "tokens", "instances"))
    return {
        "kind": "pre-training data",
        **index.settings,
        "vocab_size": index.vocab_size,
        "shards": len(index.shards),
        **{f"{name} in all": index.total(name) for name in ("documents", "instances", "rows", "tokens")},
        "real tokens": f"{tokens / (rows * index.settings['max_length']):.1%} of the rows at full length",
        **({"pairs of label 1": f"{index.total('random') / instances:.1%}"} if index.settings["mode"] != "mlm" else {}),
        **preview(path),
    }


Kind = Callable[[Path], dict]
FOLDERS: dict[str, Kind] = {
    "index.json": _prepared,
    "plan.json": _prepared,
    MANIFEST: _bundle,
    "saved_model.pb": _saved_model,
    "config.json": _model,
    "bert_config.json": _model,  # without a checkpoint beside it: an error that says so
}
FILES: dict[str, Kind] = {
    ".tflite": _tflite,
    ".onnx": _onnx,
    ".safetensors": _tensors,
    ".bin": _tensors,
    ".h5": _tensors,
    ".csv": _labelled,
    ".tsv": _labelled,
    ".jsonl": _labelled,
    ".conll": _labelled,
    ".json": _labelled,
}
