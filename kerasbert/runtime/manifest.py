"""kerasbert.json: what a bundle holds, for this runtime and for any port of it."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from kerasbert.errors import BundleError, ConfigError
from kerasbert.reading import parse, read_text
from kerasbert.runtime.kinds import KINDS
from kerasbert.schema import from_json
from kerasbert.tasks import task_named
from kerasbert.tasks.numbers import numbers_of, with_numbers
from kerasbert.tasks.task import Graph, Task
from kerasbert.tokenizers.options import check_options

NAME = "kerasbert.json"
GOLDEN = "golden.json"
VERSION = 6
AGAIN = "export or copy it again"
CHANGED = f"its bytes are not the ones that were written; {AGAIN}"
EDITED = "was edited; `kerasbert inspect --rehash` accepts a wanted edit"
PRECISIONS = ("float32", "float16", "int8-mixed", "int8", "int4", "int16x8", "full-int8")
AXES = ("row", "token", "text", "number")
BARS = ("choice", "choices", "number", "vector")
OPTIONAL = ("token_type_ids",)
"""Inputs of a task's graph that a model may lack."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A file of an exported model, or a folder for a SavedModel.

    Attributes:
        path: inside the bundle. graphs: the names of the graphs that it computes.
        bytes: its size. sha256: of its content (of all files of a folder, by name).
    """

    path: str
    graphs: tuple[str, ...]
    bytes: int
    sha256: str

    def __post_init__(self):
        _check_path(self.path)
        if self.bytes < 1:
            raise ValueError(f"{self.path}: {self.bytes} bytes is no size")
        _check_digest(self.path, self.sha256)

    @classmethod
    def describe(cls, folder: Path, path: str, graphs: Iterable[str]) -> "Part":
        """The part at a path of a folder."""
        size, digest = measure(folder / path)
        return cls(path=path, graphs=tuple(graphs), bytes=size, sha256=digest)


@dataclass(frozen=True, kw_only=True)
class File:
    """One exported model. It has one part that computes all graphs of the task, or a part for each graph.

    Attributes:
        kind: a row of `kerasbert.runtime.kinds.KINDS`. parts: where it is in the bundle.
        precision: "float32", "float16", "int8" or "int4" weights; "int8-mixed" multiplies some of them in float32,
            "full-int8" and "int16x8" compute in integers throughout.
        runtimes: the lowest version of each runtime that runs it, such as {"TFLite": "2.17", "LiteRT": "1.0"}; empty
            for files that are not `.tflite` files.
        outputs: a graph's name of an output -> the file's, for those that differ.
        cuts_at: number of tokens that a text is cut to by the file itself, or by the library that it is made for, where
            the task reads a longer one in windows; None for other files and tasks.
    """

    kind: str
    precision: str
    parts: tuple[Part, ...]
    runtimes: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    cuts_at: int | None = None

    def __post_init__(self):
        _one_of(f"the kind of {self.path}", self.kind, KINDS)
        _one_of(f"the precision of {self.path}", self.precision, PRECISIONS)

    @property
    def path(self) -> str:
        """The paths of all parts with commas between, for tables and messages."""
        return ", ".join(part.path for part in self.parts)

    @property
    def bytes(self) -> int:
        """The size of all parts."""
        return sum(part.bytes for part in self.parts)

    @property
    def lowest_runtimes(self) -> str:
        """`runtimes` in words, such as "TFLite 2.17 or LiteRT 1.0"; "" if there are none."""
        return " or ".join(f"{name} {version}" for name, version in self.runtimes.items())


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The content of kerasbert.json.

    Attributes:
        task: its name; see `kerasbert.tasks`. settings: the task's settings, whole.
        graphs: what the files compute, with the names and axes of inputs and outputs.
        lengths: of the signatures of `.tflite` files, the longest last.
        tokenizer: its options; the vocabulary is in vocab.txt, or, for byte pairs, in tokenizer.json.
        files: format name -> `File`, the preferred one first.
        checksums: SHA-256 of the tokenizer's files and of golden.json, by name.
        versions: of the packages that wrote it.
    """

    task: str
    settings: dict
    graphs: list[Graph]
    lengths: list[int]
    tokenizer: dict
    files: dict[str, File]
    checksums: dict[str, str]
    versions: dict[str, str]
    version: int = VERSION

    def __post_init__(self):
        settings, names = self.task_settings, [graph.name for graph in self.graphs]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"graphs are {names}: each needs a name of its own")
        for graph in self.graphs:
            _check_graph(graph, self.graphs)
        _check_outputs(self.definition, settings, self.graphs)
        if not self.lengths or self.lengths != sorted(set(self.lengths)) or self.lengths[0] < 3:
            raise ValueError(f"lengths are {self.lengths}: use increasing numbers of tokens, 3 or more")
        if self.lengths[-1] != settings.max_length:
            raise ValueError(f"lengths end with {self.lengths[-1]}, but max_length is {settings.max_length}")
        for name, file in self.files.items():
            computed = [graph for part in file.parts for graph in part.graphs]
            if sorted(computed) != sorted(names):
                raise ValueError(f"files.{name}.parts compute {computed}, but the graphs are {names}")
            if file.cuts_at not in (None, settings.max_length):
                raise ValueError(f"files.{name}.cuts_at is {file.cuts_at}, but max_length is {settings.max_length}")
            for output in file.outputs:
                _one_of(f"an output of files.{name}", output, [x.name for graph in self.graphs for x in graph.outputs])
        for name in (check_options(self.tokenizer), GOLDEN):
            if name not in self.checksums:
                raise ValueError(f"checksums have no {name}")
        for name, digest in self.checksums.items():
            _check_path(name)
            _check_digest(name, digest)

    @cached_property
    def definition(self) -> Task:
        """The task itself, with the fields of the model's inputs of numbers."""
        return with_numbers(task_named(self.task), numbers_of(self.graphs))

    @cached_property
    def task_settings(self):
        """The settings as the task's own dataclass."""
        return from_json(self.definition.Settings, self.settings, "settings", whole=True)

    def graph(self, name: str) -> Graph:
        """The graph of that name."""
        return next(graph for graph in self.graphs if graph.name == name)

    def write(self, folder: Path) -> None:
        """Writes kerasbert.json with a hash of itself."""
        values = json.loads(json.dumps(dataclasses.asdict(self)))
        values = {"version": values.pop("version"), "sha256": _own_digest(values | {"version": self.version}), **values}
        (folder / NAME).write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: str | Path, *, edited: bool = False) -> "Manifest":
        """Reads kerasbert.json and checks it.

        Args:
            edited: accept content whose hash differs from the recorded one.

        Raises:
            BundleError: there is no bundle, it is not whole, it was edited, or another version wrote it.
        """
        path = Path(folder) / NAME
        if not Path(folder).exists():
            raise BundleError(f"{folder}: no such folder; name one that `kerasbert export` made")
        if not path.exists():
            raise BundleError(f"{folder}: no {NAME}, so no bundle; make one with `kerasbert export`")
        try:
            values = parse(read_text(path, BundleError))
            version = values["version"]
            if not isinstance(version, int) or version != VERSION:
                raise BundleError(
                    f"{path}: of version {version!r}, but this kerasbert reads {VERSION}; {_newer(version)}"
                )
            digest = values.pop("sha256")
            if not edited and digest != _own_digest(values):
                raise BundleError(f"{path}: {EDITED}")
            return from_json(cls, values, whole=True)
        except KeyError as error:
            raise BundleError(f"{path}: no key {error}; export again") from None
        except (ValueError, TypeError, AttributeError, ConfigError) as error:
            raise BundleError(f"{path}: not readable as a bundle's description ({error}); export again") from None

    def check_others(self, folder: Path) -> None:
        """Checks the files beside the models.

        Raises:
            BundleError: one is missing or was changed; another vocabulary would give other ids, and so wrong answers.
        """
        for name, digest in self.checksums.items():
            if not (folder / name).is_file():
                raise BundleError(f"{folder / name}: missing, though {NAME} lists it; {AGAIN}")
            if measure(folder / name)[1] != digest:
                raise BundleError(f"{folder / name}: {CHANGED}")

    def check_file(self, folder: Path, name: str, *, whole: bool = True) -> File:
        """The description of a model's file, if each of its parts is the one that was written.

        Args:
            whole: compare every byte; otherwise only the size of a file, which takes no time.

        Raises:
            BundleError: a part is missing or was changed, or the bundle holds no such format.
        """
        if name not in self.files:
            raise BundleError(f"{folder}: holds no {name!r}; it has {', '.join(self.files) or 'no model files'}")
        for part in self.files[name].parts:
            path = folder / part.path
            if not path.exists():
                raise BundleError(f"{path}: missing, though {NAME} lists it; {AGAIN}")
            if not path.is_file() and not path.is_dir():
                raise BundleError(f"{path}: is a pipe or a device, not a regular file; {AGAIN}")
            if path.is_file() and path.stat().st_size != part.bytes:
                raise BundleError(f"{path}: {path.stat().st_size} bytes, but {part.bytes} were written; {AGAIN}")
            if whole and measure(path) != (part.bytes, part.sha256):
                raise BundleError(f"{path}: {CHANGED}")
        return self.files[name]


def rehash(folder: str | Path) -> None:
    """Accepts an edit of kerasbert.json: checks the content and the files, and writes it with its new hash.

    Raises:
        BundleError: the edited content is not a bundle's description, or a file that it lists was changed.
    """
    folder, manifest = Path(folder), Manifest.read(folder, edited=True)
    manifest.check_others(folder)
    for name in manifest.files:
        manifest.check_file(folder, name)
    manifest.write(folder)


def measure(path: Path) -> tuple[int, str]:
    """Size in bytes and SHA-256 of a file, or of all files under a folder with their names."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    digest, size = hashlib.sha256(), 0
    for file in files:
        if path.is_dir():
            digest.update(file.relative_to(path).as_posix().encode())
        with open(file, "rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
                size += len(block)
    return size, digest.hexdigest()


def _own_digest(values: dict) -> str:
    """SHA-256 of the content, whatever its white space and the order of its keys."""
    text = json.dumps({k: v for k, v in values.items() if k != "sha256"}, sort_keys=True, ensure_ascii=False)
    order = "\n".join(values.get("files", ()))  # the order of the files is the order of preference
    return hashlib.sha256(f"{text}\n{order}".encode()).hexdigest()


def _newer(version) -> str:
    return "update kerasbert" if isinstance(version, int) and version > VERSION else "export again"


def _one_of(what: str, value: str, known) -> None:
    if value not in known:
        raise ValueError(f"{what} is {value!r}: use one of {', '.join(known)}")


def _check_path(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or not path.parts:
        raise ValueError(f"the path {name!r} leads out of the bundle")


def _check_digest(what: str, digest: str) -> None:
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise ValueError(f"{what}: {digest!r:.70} is no SHA-256")


def _check_graph(graph: Graph, graphs: list[Graph]) -> None:
    inputs = [each.name for each in graph.inputs]
    # An input may take what a graph of the bundle gives: "memory" what is called so, "cache" every "cache_entry".
    given = {each.name.removesuffix("_entry"): each.width for one in graphs for each in one.outputs}
    for each in graph.inputs:
        _one_of(f"the axis of {graph.name}.{each.name}", each.axis, (*AXES, *inputs))
        if each.pad < 0:
            raise ValueError(f"{graph.name}.{each.name} is padded with {each.pad}: use an id, 0 or more")
        if each.width < 1 if each.axis == "number" else each.width != given.get(each.name, 0):
            raise ValueError(f"{graph.name}.{each.name} has the axis {each.axis!r} and the width {each.width}")
    for each in graph.outputs:
        _one_of(f"the axis of {graph.name}.{each.name}", each.axis, ("row", "token", "position", "example"))
        _one_of(f"the bar of {graph.name}.{each.name}", each.bar, BARS)
        if each.width < 0 or (each.axis == "position") != (each.width == 0):
            wanted = "0, as its size is the length" if each.axis == "position" else "1 or more"
            raise ValueError(f"{graph.name}.{each.name} has the width {each.width}: use {wanted}")


def _check_outputs(task: Task, settings, graphs: list[Graph]) -> None:
    """The graphs are the task's, with the sizes that the settings ask for, such as one logit per label."""
    known = {graph.name: graph for graph in task.graphs(settings)}
    for graph in graphs:
        _one_of("the graph", graph.name, known)
        outputs = {each.name: each for each in known[graph.name].outputs}
        inputs = {each.name: each for each in known[graph.name].inputs}
        missing = [name for name in inputs if name not in OPTIONAL and name not in [each.name for each in graph.inputs]]
        if missing:
            raise ValueError(f"the graph {graph.name!r} has no input {missing[0]}")
        for each in graph.inputs:
            _one_of(f"an input of {graph.name}", each.name, inputs)
            if each.axis != inputs[each.name].axis:
                raise ValueError(f"{each.name} has the axis {each.axis!r}, not {inputs[each.name].axis!r}")
            if each.name != "input_ids" and each.pad != inputs[each.name].pad:
                raise ValueError(f"{each.name} is padded with {each.pad}, not {inputs[each.name].pad}")
        for each in graph.outputs:
            _one_of(f"an output of {graph.name}", each.name, outputs)
            wanted = outputs[each.name]
            if (each.axis, each.bar) != (wanted.axis, wanted.bar) or wanted.width not in (0, each.width):
                raise ValueError(f"{each.name} is {each}, but the settings ask for {wanted}")
