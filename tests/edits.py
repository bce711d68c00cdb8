"""Changes to a bundle: damage, and edits that somebody makes by hand."""

import json
from collections.abc import Callable
from pathlib import Path

from kerasbert.runtime.manifest import NAME, measure, rehash


def edit(bundle: Path, change: Callable[[dict], object]) -> None:
    """Changes kerasbert.json and leaves its hash as it was."""
    values = json.loads((bundle / NAME).read_text(encoding="utf-8"))
    change(values)
    (bundle / NAME).write_text(json.dumps(values), encoding="utf-8")


def rewrite(bundle: Path, change: Callable[[dict], object] = lambda values: None) -> None:
    """Changes kerasbert.json and makes all hashes right, its own too, so that none of them gives a change away."""

    def measured(values: dict) -> None:
        change(values)
        for part in (part for file in values["files"].values() for part in file["parts"]):
            part["bytes"], part["sha256"] = measure(bundle / part["path"])
        there = [name for name in values["checksums"] if (bundle / name).exists()]
        values["checksums"] = {name: measure(bundle / name)[1] for name in there}

    edit(bundle, measured)
    rehash(bundle)


def change_golden(bundle: Path, change: Callable[[list], object]) -> None:
    """Changes the recorded answers."""
    recorded = json.loads((bundle / "golden.json").read_text(encoding="utf-8"))
    change(recorded)
    (bundle / "golden.json").write_text(json.dumps(recorded), encoding="utf-8")


def flip(path: Path) -> None:
    """Turns a bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
