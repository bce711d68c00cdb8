"""TFLite Metadata, which tells MediaPipe and the Task Library about a `.tflite` file: written into it and read back."""

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from kerasbert.errors import BundleError, ExportError
from kerasbert.export.formats.mediapipe import metadata_schema
from kerasbert.export.formats.mediapipe.metadata_schema import PARSER_VERSION, TENSOR_AXIS_LABELS, VOCABULARY
from kerasbert.export.formats.tflite.entries import entry, open_model, with_entry

ENTRY = "TFLITE_METADATA"
VOCABULARY_FILE, LABELS_FILE = "vocab.txt", "labels.txt"
BROKEN = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError, struct.error)
BROKEN += (zipfile.BadZipFile, EOFError)
"""Exceptions that the readers of flatbuffers and ZIP archives raise for broken files."""
UNIX = 3  # ZIP's number for it

INPUTS = {
    "input_ids": ("ids", "Numbers of the word pieces: [CLS], the text, [SEP]; 0 behind it."),
    "token_type_ids": ("segment_ids", "0 for the first text, 1 for the second."),
    "attention_mask": ("mask", "1 for a word piece, 0 for padding."),
}
"""Our name of an input -> the name that the device's libraries look for, and a description."""


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What the device's libraries demand of the files of one task.

    Attributes:
        outputs: name, in the signature and in the metadata -> description.
        labelled: the output whose values have labels. length: the only length that is allowed; None: any length.
    """

    outputs: Mapping[str, str]
    labelled: str | None = None
    length: int | None = None


CONTRACTS = {
    "TextClassifier": Contract(outputs={"probability": "The score of each label."}, labelled="probability"),
    "TextEmbedder": Contract(outputs={"embedding": "The text as a vector of length 1."}),
    "BertQuestionAnswerer": Contract(
        outputs={
            "end_logits": "How well each word piece would end the answer.",
            "start_logits": "How well each word piece would begin the answer.",
        },
        length=384,
    ),
}
"""Task of the device's libraries (`kerasbert.tasks.task.Task.contract`) -> its contract.

MediaPipe has TextClassifier and TextEmbedder. The Task Library's BertNLClassifier takes the former's files and crashes
on an output that is not called "probability"; its BertQuestionAnswerer writes 384 numbers into any shape."""


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """The facts that are written into a file.

    Attributes:
        contract: a key of `CONTRACTS`.
        vocabulary: the word pieces by number. labels: in the order of the classifier's scores.
        name, description: for people.
    """

    contract: str
    vocabulary: Sequence[str]
    labels: Sequence[str] = ()
    name: str = "BERT"
    description: str = ""

    def files(self) -> dict[str, str]:
        """The associated files: name -> content."""
        lists = {VOCABULARY_FILE: self.vocabulary, LABELS_FILE: self.labels}
        return {name: "".join(f"{line}\n" for line in lines) for name, lines in lists.items() if lines}


@dataclass(frozen=True, kw_only=True)
class Found:
    """The metadata of a file, as `read_metadata` found them.

    Attributes:
        name, description, min_parser_version: as written.
        inputs, outputs: names in the metadata, in the order of the file's tensors.
        files: the associated files, name -> content.
    """

    name: str
    description: str
    min_parser_version: str
    inputs: list[str]
    outputs: list[str]
    files: dict[str, bytes]


def with_metadata(model: bytes, metadata: Metadata) -> bytes:
    """Adds metadata, vocabulary and labels to a `.tflite` file. The same input gives the same bytes.

    Args:
        model: a file with one signature, whose inputs are those of `INPUTS` and whose outputs are its contract's.

    Raises:
        ExportError: the task's libraries cannot run the file.
    """
    try:
        inputs, outputs = _check(open_model(model), metadata)
        described = b"".join(with_entry(model, ENTRY, metadata_schema.write(_content(metadata, inputs, outputs))))
    except BROKEN as error:
        raise ExportError(f"no whole TFLite model to write metadata into ({error})") from None
    return _with_files(described, metadata.files())


def read_metadata(model: bytes | str | Path) -> Found | None:
    """The metadata of a `.tflite` file; None if it has none.

    Raises:
        BundleError: the file cannot be read, is not a TFLite model, or is not whole.
    """
    place = "the model" if isinstance(model, bytes) else str(model)
    try:
        data = model if isinstance(model, bytes) else Path(model).read_bytes()
    except OSError as error:
        raise BundleError(f"{place}: cannot be read ({error.strerror})") from None
    try:
        written = entry(open_model(data), ENTRY)
        if written is None:
            return None
        content = metadata_schema.read(written)
        (graph,) = content["subgraph_metadata"]
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
    except BROKEN as error:
        raise BundleError(f"{place}: no TFLite model with whole metadata ({error}); export again") from None
    return Found(
        name=content.get("name", ""),
        description=content.get("description", ""),
        min_parser_version=content.get("min_parser_version", ""),
        inputs=[tensor.get("name", "") for tensor in graph.get("input_tensor_metadata", [])],
        outputs=[tensor.get("name", "") for tensor in graph.get("output_tensor_metadata", [])],
        files=files,
    )


def _content(metadata: Metadata, inputs: Sequence[str], outputs: Sequence[str]) -> dict:
    """The tables of `metadata_schema`, for tensors in the order of the graph."""
    contract = CONTRACTS[metadata.contract]
    vocabulary = [{"name": VOCABULARY_FILE, "description": "One word piece a line.", "type": VOCABULARY}]
    labels = [{"name": LABELS_FILE, "description": "One label a line.", "type": TENSOR_AXIS_LABELS}]
    graph = {
        "name": metadata.name,
        "input_tensor_metadata": [_tensor(*INPUTS[name]) for name in inputs],
        "output_tensor_metadata": [
            _tensor(name, contract.outputs[name], labels if name == contract.labelled else []) for name in outputs
        ],
        "input_process_units": [{"options": {"BertTokenizerOptions": {"vocab_file": vocabulary}}}],
    }
    return {
        "name": metadata.name,
        "description": metadata.description,
        "subgraph_metadata": [graph],
        "min_parser_version": PARSER_VERSION,
    }


def _tensor(name: str, description: str, files: Sequence[dict] = ()) -> dict:
    tensor = {"name": name, "description": description, "content": {"content_properties": {"FeatureProperties": {}}}}
    return {**tensor, "associated_files": list(files)} if files else tensor


def _check(model: schema.Model, metadata: Metadata) -> tuple[list[str], list[str]]:
    """Our names of the graph's inputs and outputs, in the order of the graph, after checking them."""
    contract = CONTRACTS.get(metadata.contract)
    if contract is None:
        raise ExportError(
            f"no metadata is known for the contract {metadata.contract!r}: use one of {', '.join(CONTRACTS)}"
        )
    counts = {"graph": model.SubgraphsLength(), "signature": model.SignatureDefsLength()}
    for what, count in counts.items():
        if count != 1:
            raise ExportError(f"the TFLite model has {count} {what}s, but MediaPipe takes one: export a single length")
    if entry(model, ENTRY) is not None:
        raise ExportError("the TFLite model has metadata already: write them into one that has none")

    graph, signature = model.Subgraphs(0), model.SignatureDefs(0)
    inputs = _named(graph, graph.InputsAsNumpy(), [signature.Inputs(i) for i in range(signature.InputsLength())])
    outputs = _named(graph, graph.OutputsAsNumpy(), [signature.Outputs(i) for i in range(signature.OutputsLength())])
    for what, found, wanted in (("inputs", inputs, INPUTS), ("outputs", outputs, contract.outputs)):
        if set(found) != set(wanted):
            raise ExportError(
                f"the TFLite model has the {what} {', '.join(sorted(found))}; "
                f"a {metadata.contract} file has {', '.join(wanted)}"
            )
    length = inputs["input_ids"].ShapeAsNumpy().tolist()[-1]
    for name, tensor in inputs.items():
        _check_tensor(name, tensor, schema.TensorType.INT32, [1, contract.length or length])
    for name, tensor in outputs.items():
        _check_tensor(name, tensor, schema.TensorType.FLOAT32, None)
    _check_labels(metadata.labels, contract.labelled and outputs[contract.labelled])
    return list(inputs), list(outputs)


def _named(graph, indices, signature: list) -> dict[str, schema.Tensor]:
    """The graph's tensors by the names of the signature, in the order of the graph.

    The signature has another order, and the tensors' own names come from the converter.
    """
    names = {entry.TensorIndex(): entry.Name().decode() for entry in signature}
    return {names.get(index, f"tensor {index}"): graph.Tensors(index) for index in map(int, indices)}


def _check_tensor(name: str, tensor, kind: int, shape: list[int] | None) -> None:
    kinds = {value: word for word, value in vars(schema.TensorType).items() if not word.startswith("_")}
    if tensor.Type() != kind:
        raise ExportError(f"{name} is {kinds.get(tensor.Type())}, but MediaPipe takes {kinds[kind]}")
    found = tensor.ShapeAsNumpy().tolist()
    if shape is not None and found != shape:
        raise ExportError(f"{name} has the shape {found}, but {shape} is wanted")


def _check_labels(labels: Sequence[str], output) -> None:
    width = 0 if output is None else int(output.ShapeAsNumpy()[-1])
    if len(labels) != width:
        raise ExportError(f"{len(labels)} labels are given, but the model has {width} scores: give one label per score")
    odd = [label for label in labels if not label or "\n" in label or "\r" in label]
    if odd:
        raise ExportError(f"the label {odd[0]!r} cannot stand in a file with one label per line: rename it")


def _with_files(model: bytes, files: Mapping[str, str]) -> bytes:
    """The model followed by an uncompressed ZIP archive, which the libraries read in place."""
    stream = io.BytesIO()
    stream.write(model)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)  # dated 1980, so that equal models give equal bytes
            info.create_system = UNIX
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return stream.getvalue()
