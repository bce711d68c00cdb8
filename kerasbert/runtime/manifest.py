"""kerasbert.json: what a bundle holds, for this runtime and for any port of it."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kerasbert.errors import BundleError

NAME = "kerasbert.json"
VERSION = 2
AGAIN = "export or copy it again"
CHANGED = f"its bytes are not the ones that were written; {AGAIN}"


@dataclass(frozen=True, kw_only=True)
class File:
    """One exported model: a file, or a folder for a SavedModel.

    Attributes:
        path: inside the bundle. bytes: its size. sha256: of its content (of all files of a folder, by name).
        precision: "float32", "float16", "int8" or "int4" weights; "int8-mixed" multiplies some of them in float32,
            "full-int8" and "int16x8" compute in integers throughout.
    """

    path: str
    bytes: int
    sha256: str
    precision: str

    def __post_init__(self):
        path = PurePosixPath(self.path)
        if path.is_absolute() or ".." in path.parts:  # a bundle is somebody's text, and must not open files elsewhere
            raise ValueError(f"the path {self.path!r} leads out of the bundle")

    @classmethod
    def describe(cls, folder: Path, path: str, precision: str) -> "File":
        size, digest = measure(folder / path)
        return cls(path=path, bytes=size, sha256=digest, precision=precision)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The content of kerasbert.json.

    Attributes:
        task, outputs: "text_classifier" gives `logits`, "sentence_encoder" an `embedding`, "encoder" a
            `sequence_output` and, with a pooler, a `pooled_output`; see `kerasbert.tasks.table`.
        problem_type, labels: how outputs become answers.
        max_length: tokens a text is cut to. lengths: of the signatures of `.tflite` files, the longest last.
        inputs: names, each int (batch, length). pad_id: fills `input_ids`; the other inputs are filled with 0.
        tokenizer: its options; the vocabulary is in vocab.txt, or, for byte pairs, in tokenizer.json.
        files: format name -> `File`, the preferred one first.
        checksums: SHA-256 of the tokenizer's files and of golden.json, by name.
        versions: of the packages that wrote it.
    """

    task: str
    outputs: list
    problem_type: str
    labels: list
    max_length: int
    lengths: list
    inputs: list
    pad_id: int
    tokenizer: dict
    files: dict
    checksums: dict
    versions: dict
    version: int = VERSION

    def write(self, folder: Path) -> None:
        text = json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False)
        (folder / NAME).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: str | Path) -> "Manifest":
        """Raises BundleError: no bundle, not whole, or written by a later version."""
        path = Path(folder) / NAME
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values["version"] > VERSION:
                raise BundleError(
                    f"{path}: written by a later kerasbert (version {values['version']}); update this one"
                )
            files = {name: File(**file) for name, file in values.pop("files").items()}
            return cls(files=files, **values)
        except (FileNotFoundError, NotADirectoryError):
            raise BundleError(f"{folder}: no {NAME}, so no bundle; make one with `kerasbert export`") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BundleError(f"{path}: not readable as a bundle's description ({error}); export again") from None

    def check_others(self, folder: Path) -> None:
        """Checks the files beside the models, as far as they are there.

        Raises:
            BundleError: one was changed; another vocabulary would give other ids, and so other answers, without a word.
        """
        for name, digest in self.checksums.items():
            if (folder / name).exists() and measure(folder / name)[1] != digest:
                raise BundleError(f"{folder / name}: {CHANGED}")

    def check_file(self, folder: Path, name: str, *, whole: bool = True) -> Path:
        """The path of a model's file, if it is the one that was written.

        Args:
            whole: compare every byte; otherwise the size of a file only, which takes no time.

        Raises:
            BundleError: it is missing or was changed, or the bundle holds no such format.
        """
        if name not in self.files:
            raise BundleError(f"{folder}: holds no {name!r}; it has {', '.join(self.files)}")
        file = self.files[name]
        path = folder / file.path
        if not path.exists():
            raise BundleError(f"{path}: missing, though {NAME} lists it; {AGAIN}")
        if path.is_file() and path.stat().st_size != file.bytes:
            raise BundleError(f"{path}: {path.stat().st_size} bytes, but {file.bytes} were written; {AGAIN}")
        if whole and measure(path) != (file.bytes, file.sha256):
            raise BundleError(f"{path}: {CHANGED}")
        return path


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
