"""What a teacher answers texts, computed once and kept on disk.

The folder has a folder per teacher, named by the hash of its weights, tokenizer and settings, and there one `.npz` file
per `PART` texts, whose answers are found by the hash of the text. So a second run computes nothing, one that was
stopped goes on, and of changed texts only the new ones are answered.
"""

import gc
import hashlib
import json
import logging
import time
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from kerasbert.checkpoints.loading import Checkpoint
from kerasbert.errors import KerasBertError
from kerasbert.files import new_file
from kerasbert.models.opening import model_class
from kerasbert.progress import Count, counted
from kerasbert.runs.begun import Stopped
from kerasbert.tasks import remarks
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.task import Example, Task
from kerasbert.tasks.windows import averaged

log = logging.getLogger("kerasbert")

PART, SECONDS = 2048, 60.0
"""A file is written after this number of texts, or after this time."""
KEY = 16
"""Number of bytes of a text's hash."""

Answer = Mapping[str, Sequence[np.ndarray]]
"""Name -> one array per row of the text: float32 logits (1, labels) or a vector (1, width) for an output per row, of
which there is one for all rows; (tokens, labels) or (tokens,) for one per token; or, as `text`, the bytes of a written
text in UTF-8."""


def outputs_of(task: Task, answered: Answered, settings) -> Answer:
    """What is kept of a teacher's outputs for a text. An output per row is averaged over the windows of a long text."""
    tokens = {each.name for graph in task.graphs(settings) for each in graph.outputs if each.by_token}
    return {
        name: [np.asarray(x, np.float32) for x in values]
        if name in tokens
        else [np.asarray(averaged(answered.rows, values), np.float32)[None]]
        for name, values in answered.outputs.items()
    }


def text_of(task: Task, answered: Answered, settings) -> Answer:
    """The text that a teacher wrote, as bytes."""
    answer = task.decode(answered.example, answered.rows, answered.outputs, settings)
    return {"text": [np.frombuffer(answer["generated_text"].encode(), np.uint8)]}


def key_of(example: Example) -> bytes:
    """The hash of what a teacher sees of an example."""
    said = json.dumps(example.fields, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(said.encode(), digest_size=KEY).digest()


def teacher_hash(teacher: Checkpoint, settings) -> str:
    """The hash of all that a teacher's answers depend on: its weights, its configuration, its tokenizer and the task's
    settings."""
    digest = hashlib.sha256()
    said = {"config": (teacher.pair or teacher.config).to_dict(), "task": teacher.task, "settings": asdict(settings)}
    digest.update(json.dumps(said, sort_keys=True).encode())
    for name in sorted(teacher.shapes):
        digest.update(f"{name} {teacher.shapes[name]}".encode())
        digest.update(np.ascontiguousarray(teacher.read(name)).tobytes())
    digest.update(teacher.tokenizer().content.encode())
    return digest.hexdigest()


class SoftLabels:
    """The answers of a teacher to texts.

    Args:
        teacher: the checkpoint of the teacher.
        task, settings: what it answers, and with which settings.
        folder: where answers are kept, for any number of teachers.
        keep: task, an answered example and settings -> what is kept of it, `outputs_of` or `text_of`.
    """

    def __init__(self, teacher: Checkpoint, task: Task, settings, folder: str | Path, *, keep: Callable):
        self.teacher, self.task, self.settings, self.keep = teacher, task, settings, keep
        self.hash = teacher_hash(teacher, settings)
        self.folder = Path(folder) / self.hash[:32]

    def answer(self, examples: Sequence[Example], *, batch_size: int = 32) -> int:
        """Answers the examples that have no answer yet. Progress is on stderr.

        Returns:
            The number of different texts that it answered now.

        Raises:
            Stopped: by a signal; the answers so far are kept. KerasBertError: one of its kinds: a text that the
                teacher cannot answer, a file that cannot be written.
        """
        known = set(self._read(_keys))
        missing = {key: each for each in examples if (key := key_of(each)) not in known}
        kept = len({key_of(each) for each in examples}) - len(missing)
        log.info(
            "%s: the teacher answers %s%s",
            self.teacher.folder, remarks.counted(len(missing), "text"), f"; {kept} are in {self.folder}" * bool(kept),
        )  # fmt: skip
        if missing:
            try:  # before the teacher's work, not after it
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                mend = "name another folder for the teacher's answers with --soft-labels"
                raise KerasBertError(f"{self.folder}: cannot be made ({error.strerror}); {mend}") from None
            model = model_class(self.task.name).from_pretrained(self.teacher, **asdict(self.settings))
            answered = model.answered(missing.values(), batch_size=batch_size)
            with counted(len(missing), label="teacher") as count:
                self._keep(zip(missing, answered, strict=True), count)
            del model, answered
            gc.collect()  # the teacher takes no memory while the student learns
        return len(missing)

    def of(self, examples: Sequence[Example]) -> list[Answer]:
        """The answers to examples, in their order; `answer` must have answered them.

        Raises:
            KerasBertError: one has no answer, as on a machine that does not see the folder; or a file is not readable.
        """
        keys = [key_of(each) for each in examples]
        known = dict(self._read(partial(_answers, wanted=frozenset(keys))))
        without = next((each for key, each in zip(keys, examples, strict=True) if key not in known), None)
        if without is not None:
            raise KerasBertError(
                f"{without.place}: no answer of the teacher is in {self.folder}; machines that share the work need a "
                "folder that all of them see, so name it with --soft-labels"
            )
        return [known[key] for key in keys]

    def _keep(self, answered: Iterable[tuple[bytes, Answered]], count: Count) -> None:
        """Writes answers as they come; also the last ones before the work is stopped."""
        part, begun = {}, time.monotonic()
        try:
            for key, each in answered:
                part[key] = self.keep(self.task, each, self.settings)
                count.update(1)
                if len(part) == PART or time.monotonic() - begun > SECONDS:
                    self._write(part)
                    part, begun = {}, time.monotonic()
        except KeyboardInterrupt:
            kept = f"the teacher's answers so far are in {self.folder}, and the same command goes on"
            raise Stopped(f"a signal ended the run; {kept}") from None
        finally:
            if part:
                self._write(part)

    def _write(self, part: Mapping[bytes, Answer]) -> None:
        keys, answers = b"".join(part), list(part.values())
        arrays = {"keys": np.frombuffer(keys, np.uint8).reshape(-1, KEY)}
        for name in answers[0]:
            rows = [row for answer in answers for row in answer[name]]
            arrays[f"{name}.rows"] = np.array([len(answer[name]) for answer in answers], np.int32)
            arrays[f"{name}.lengths"] = np.array([len(row) for row in rows], np.int32)
            arrays[f"{name}.values"] = np.concatenate(rows)
        name = hashlib.sha256(keys).hexdigest()[:32]
        with new_file(self.folder / f"{name}.npz") as building, open(building, "wb") as stream:
            np.savez(stream, **arrays)

    def _read(self, read: Callable) -> Iterator:
        """What `read` finds in each file on disk."""
        for path in sorted(self.folder.glob("*.npz")):
            try:
                with open(path, "rb") as stream, np.load(stream) as part:
                    found = list(read(part))
            except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
                mend = "remove it, and its texts are answered again"
                raise KerasBertError(f"{path}: not readable ({error}); {mend}") from None
            yield from found


def _keys(part: Mapping) -> list[bytes]:
    """The hashes of the texts of a file."""
    return [row.tobytes() for row in part["keys"]]


def _answers(part: Mapping, wanted: Collection[bytes]) -> Iterator[tuple[bytes, Answer]]:
    """The answers of a file to the texts with the wanted hashes, as copies: a view would keep the whole file."""
    keys = _keys(part)
    found: dict[bytes, dict] = {key: {} for key in keys if key in wanted}
    names = [each.removesuffix(".rows") for each in part if each.endswith(".rows")] if found else []
    for name in names:
        ends = np.cumsum(part[f"{name}.lengths"])[:-1]
        rows = iter(np.split(part[f"{name}.values"], ends))
        for key, count in zip(keys, part[f"{name}.rows"], strict=True):
            own = list(islice(rows, count))
            if key in found:
                found[key][name] = [row.copy() for row in own]
    yield from found.items()
