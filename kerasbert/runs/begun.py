"""What a run was begun with: whether a folder holds a run, and whether it is the same one. Imports no Keras."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from kerasbert.errors import ConfigError, KerasBertError
from kerasbert.files import check_target, held, write_text
from kerasbert.reading import read_json

SETTINGS, FINISHED = "settings.json", "finished.json"
LABELLED = ""
"""The part of the data that is a run's own, whose names need no word before them."""


class Stopped(KerasBertError):
    """A signal ended the run; its state is saved."""


def is_begun(folder: str | Path, resume: bool) -> bool:
    """Whether `folder` holds a run to go on with.

    Raises:
        KerasBertError: it holds one and `resume` is False, or it cannot be used.
    """
    folder = Path(folder)
    if (folder / "run" / SETTINGS).exists():
        if resume:
            return True
        if (folder / "run" / FINISHED).exists():
            raise KerasBertError(f"{folder}: holds a run that has ended; name another --out")
        raise KerasBertError(f"{folder}: holds a run; --resume goes on with it, or name another --out")
    check_target(folder)
    return False


@contextmanager
def held_by(chief: bool, folder: Path) -> Iterator[None]:
    """Holds the folder of a run, if this process is the one that writes it.

    Raises:
        Stopped: a signal came between the steps, such as while the model is written. KerasBertError: another run writes
            the folder.
    """
    with held(folder) if chief else nullcontext():
        try:
            yield
        except KeyboardInterrupt:
            begun = (folder / "run" / SETTINGS).exists()
            where = "--resume goes on from its last checkpoint" if begun else "it had not begun, and nothing is written"
            raise Stopped(f"a signal ended the run; {where}") from None


def begin_settings(folder: Path, settings: dict) -> None:
    """Writes what a run is begun with; `folder` then holds a run."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / SETTINGS, json.dumps(settings, indent=1) + "\n")


def check_settings(folder: Path, settings: dict, *, mend: str) -> None:
    """Compares with what the run was begun with: a dict of dicts and values.

    Args:
        mend: completes the sentence "--resume wants the same, ..." for somebody who wants other values.

    Raises:
        ConfigError: another value, which is named. KerasBertError: the file cannot be read.
    """
    path = folder / SETTINGS
    try:
        begun = _flat(read_json(path, KerasBertError))
    except KerasBertError as error:
        raise KerasBertError(f"{path}: not readable ({error}), so the run cannot go on; begin it anew") from None
    now = _flat(json.loads(json.dumps(settings)))
    for name in {**begun, **now}:
        if begun.get(name) != now.get(name):
            raise ConfigError(
                f"{path}: begun with {name} {begun.get(name)!r}, now {now.get(name)!r}; --resume wants the same, {mend}"
            )


def fingerprints(parts: Mapping[str, Sequence]) -> dict[str, int | str]:
    """The number of examples of each part, and a hash of their texts and right answers; nothing of an empty part.

    Args:
        parts: name of a part, such as `LABELLED` or "dev" -> its examples.
    """
    found = {}
    for name, examples in parts.items():
        if not examples:
            continue
        digest, prefix = hashlib.sha256(), f"{name}_" if name else ""
        for each in examples:
            digest.update(json.dumps([each.fields, each.truth], sort_keys=True, default=str).encode() + b"\n")
        found |= {f"{prefix}rows": len(examples), f"{prefix}sha256": digest.hexdigest()}
    return found


def files_of(**parts: Sequence) -> dict[str, str]:
    """The file that each part of the examples comes from, if it comes from one."""
    return {name: str(each[0].path) for name, each in parts.items() if each and each[0].path}


def _flat(settings: dict) -> dict:
    """{"data": {"rows": 1}, "seed": 0} -> {"data rows": 1, "seed": 0}"""
    return {
        f"{part} {name}" if name else part: value
        for part, values in settings.items()
        for name, value in (values.items() if isinstance(values, dict) else [("", values)])
    }
