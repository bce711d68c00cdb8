"""The state of a run on disk: written whole or not at all, read back to the last bit."""

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from keras import ops
from safetensors import SafetensorError
from safetensors.numpy import load_file

from kerasbert.errors import CheckpointError
from kerasbert.files import new_folder, write_tensors
from kerasbert.reading import read_json

TENSORS, STATE = "tensors.safetensors", "state.json"


class Checkpoints:
    """Folders `step-00001000` with the variables of a model and its optimizer, and a dict beside them.

    The variables are all there are: weights, moments, the schedule's step, the loss scale, dropout's random states.

    Args:
        folder: made with the first checkpoint. keep: how many of the newest stay, beside the best.
        epoch: steps between two checkpoints that are averaged; those between them are not. average: how many are
            averaged. With these, the ones stay that belong to the mean at the newest and at the best.
    """

    def __init__(self, folder: str | Path, *, keep: int = 2, epoch: int = 1, average: int = 1):
        self.folder, self.keep = Path(folder), keep
        self.epoch, self.average = epoch, average

    def paths(self) -> list[Path]:
        """The whole ones, oldest first."""
        found = self.folder.glob("step-*") if self.folder.is_dir() else ()
        return sorted(
            (path for path in found if re.fullmatch(r"step-\d{8,}", path.name)), key=lambda path: int(path.name[5:])
        )

    def newest(self) -> Path | None:
        """The last of them."""
        return next(reversed(self.paths()), None)

    def save(self, model, step: int, state: dict) -> None:
        """Writes the checkpoint of a step, then removes the oldest ones; `state["best"]` names a step that stays.

        Raises:
            KerasBertError: the disk is full or cannot be written; the checkpoints before it are untouched.
        """
        path = self.path(step)
        if path.exists():
            return
        for left in self.folder.glob(".step-*"):  # by a process that was killed while it wrote
            shutil.rmtree(left, ignore_errors=True)
        tensors = {name: np.array(ops.convert_to_numpy(v), order="C") for name, v in _variables(model).items()}
        with new_folder(path) as building:
            write_tensors(building / TENSORS, tensors.items(), what=f"{path}: the checkpoint")
            (building / STATE).write_text(json.dumps(state), encoding="utf-8")
        stay = {
            self.path(each) for last in (step, state.get("best")) if last is not None for each in self.averaged(last)
        }
        for old in self.paths()[: -self.keep]:
            if old not in stay:
                shutil.rmtree(old, ignore_errors=True)

    def load(self, model, path: Path) -> dict:
        """Puts a checkpoint back into the model and its built optimizer; returns what was saved beside it.

        Raises:
            CheckpointError: not whole, or of another model.
        """
        try:
            state = read_json(path / STATE, CheckpointError)
            tensors = load_file(path / TENSORS)
        except (OSError, CheckpointError, SafetensorError) as error:
            raise CheckpointError(
                f"{path}: not a whole checkpoint ({error}); remove it to use the one before"
            ) from None
        variables = _variables(model)
        here, there = ({name: tuple(v.shape) for name, v in values.items()} for values in (variables, tensors))
        if here != there:
            differing = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
            raise CheckpointError(f"{path}: of another model or optimizer; they differ in {', '.join(differing[:8])}")
        for name, variable in variables.items():
            variable.assign(tensors[name])
        return state

    def averaged(self, step: int) -> list[int]:
        """The steps whose weights are averaged for the mean at a step: its own, and ends of epochs before it."""
        ends = range(step // self.epoch * self.epoch, 0, -self.epoch)
        return sorted({step, *ends[: self.average - (step % self.epoch > 0)]})

    def load_mean(self, model, steps: Sequence[int]) -> None:
        """Puts the mean of the weights of several checkpoints into the model. What else it holds stays as it is.

        Raises:
            CheckpointError: one is not whole, or of another model.
        """
        sums = [0.0] * len(model.weights)
        for step in steps:
            self.load(model, self.path(step))
            sums = [
                total + ops.convert_to_numpy(weight).astype(np.float64)
                for total, weight in zip(sums, model.weights, strict=True)
            ]
        for total, weight in zip(sums, model.weights, strict=True):
            weight.assign((total / len(steps)).astype(weight.dtype))

    def path(self, step: int) -> Path:
        """The folder of a step's checkpoint."""
        return self.folder / f"step-{step:08d}"


def _variables(model) -> dict:
    """All state of a run, under names that do not depend on the process."""
    groups = {"model": model.variables, "optimizer": model.optimizer.variables}
    return {f"{group}/{number}": v for group, variables in groups.items() for number, v in enumerate(variables)}
