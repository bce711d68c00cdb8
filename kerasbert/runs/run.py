"""A run between two steps: its position, checkpoints, measurements, rollback and end."""

import dataclasses
import logging
import math
import operator
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from kerasbert.errors import KerasBertError
from kerasbert.runs.begun import Stopped
from kerasbert.runs.guard import LossGuard, are_finite, caught_signals
from kerasbert.runs.journal import Journal
from kerasbert.runs.resume import Checkpoints

log = logging.getLogger("kerasbert")

BETTER = {"min": operator.lt, "max": operator.gt}
"""Which end of a figure is the good one -> whether a value is better than another. Equal values are not better."""


class Diverged(KerasBertError):
    """The loss exploded, more often than is forgiven."""


@dataclasses.dataclass
class Place:
    """Where a run is; its checkpoints keep it."""

    step: int = 0
    """Updates made."""
    position: int = 0
    """The next batch of the data. Ahead of the step where batches were skipped."""
    rollbacks: int = 0
    """Explosions forgiven."""
    measured: int = 0
    """The step of the last measurement."""
    best: int | None = None
    """The step with the best measurement."""
    best_value: float | None = None
    """The deciding figure of that step; None if it was no number."""
    waited: int = 0
    """Measurements since then."""
    ended: bool = False
    """Whether the run ended before its last step, because it got no better."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measurement:
    """How a run is measured on held-out data, and what follows.

    Attributes:
        measure: computes the figures by name.
        every: steps between two measurements.
        metric: the figure that decides which step is the best one.
        better: which of its values are better, a key of `BETTER`.
        patience: the run ends after this number of measurements that are not better than the best; None: it does not.
    """

    measure: Callable[[], Mapping[str, float]]
    every: int
    metric: str = "loss"
    better: str = "min"
    patience: int | None = None


class Run(keras.callbacks.Callback):
    """Calls `fit` until all steps are made, and is called back by it.

    Args:
        model: compiled, its optimizer built.
        total: steps. save_every, save_seconds: of a checkpoint.
        measurement: None measures nothing.
        guard: stops a step whose loss exploded. max_rollbacks: how often that is forgiven.
        chief: whether this process writes files.
        callbacks: further ones. Those with `state()`, a dict for JSON, and `restore(state)` are saved as well.
    """

    def __init__(
        self,
        model,
        checkpoints: Checkpoints,
        journal: Journal,
        *,
        total: int,
        save_every: int,
        save_seconds: float,
        measurement: Measurement | None,
        guard: LossGuard,
        max_rollbacks: int,
        chief: bool,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ):
        super().__init__()
        self.set_model(model)
        self.checkpoints, self.journal, self.guard = checkpoints, journal, guard
        self.total, self.save_every, self.save_seconds = total, save_every, save_seconds
        self.measurement, self.max_rollbacks, self.chief = measurement, max_rollbacks, chief
        self.callbacks = callbacks
        self.place, self.signals = Place(), []
        self.saved = time.monotonic()

    def begin(self) -> None:
        """At the newest checkpoint; without any, that of step 0 is written if the run may have to go back to it."""
        newest = self.checkpoints.newest()
        if newest:
            self.restore(newest)
        elif self.max_rollbacks:
            self.save()

    def train(self, data_from: Callable[[int], Iterable]) -> None:
        """Makes all steps that are left.

        Args:
            data_from: the batches from one on.

        Raises:
            Stopped: by a signal. Diverged: too many explosions.
        """
        with caught_signals() as self.signals:
            if self._is_due():  # a signal ended the run between the step and its measurement
                self.measure()
            while self.place.step < self.total and not self.place.ended:
                self.model.fit(
                    data_from(self.place.position),
                    steps_per_epoch=self.total - self.place.step,
                    verbose=0,
                    shuffle=False,  # the data are; Keras would warn that it cannot
                    callbacks=[self.guard, self.journal, self, *self.callbacks],
                )
                if self.signals or self.model.stop_training:
                    self.save()
                if self.guard.tripped:
                    self.roll_back()
                elif self.signals:
                    where = f"step {self.place.step} is saved, --resume goes on there"
                    if not self.chief:
                        where = "--resume goes on from the last checkpoint of the chief"
                    raise Stopped(f"{self.signals[0]} ended the run; {where}")
                elif self.model.stop_training:  # a callback of the user's
                    break

    def on_train_batch_end(self, batch, logs=None):
        place = self.place
        place.step += 1
        place.position += 1
        if self.guard.tripped:
            return
        if self.signals:
            self.model.stop_training = True
            return
        if self._is_due():
            self.measure()
        last = place.step == self.total or place.ended
        late = time.monotonic() - self.saved > self.save_seconds
        if last or late or place.step % self.save_every == 0:
            self.save()
        self.model.stop_training = self.model.stop_training or place.ended

    def _is_due(self) -> bool:
        """Whether this step is to be measured and was not yet."""
        place, how = self.place, self.measurement
        if how is None or place.step == place.measured:
            return False
        return place.step == self.total or place.step % how.every == 0

    def measure(self) -> None:
        """Measures on held-out data, and saves what is better than ever."""
        started, place, how = time.monotonic(), self.place, self.measurement
        figures = {name: float(value) for name, value in how.measure().items()}
        taken = time.monotonic() - started
        self.journal.add({f"val_{name}": value for name, value in figures.items()}, seconds=taken)
        place.measured = place.step
        value = float(np.float32(figures.get(how.metric, math.nan)))  # Keras's callbacks compare in float32
        value = value if math.isfinite(value) else None
        beaten = value is not None and (place.best_value is None or BETTER[how.better](value, place.best_value))
        if place.best is None or beaten:
            place.best, place.best_value, place.waited = place.step, value, 0
            self.save()
        else:
            place.waited += 1
            place.ended = how.patience is not None and place.waited >= how.patience

    def save(self) -> None:
        """Writes a checkpoint, unless the weights are no numbers any more: then the run goes back to the last one."""
        if self.guard.tripped:
            return
        if not are_finite(self.model):
            self.guard.trip("a weight became no number")
            return
        self.saved = time.monotonic()
        if not self.chief:
            return
        state = dataclasses.asdict(self.place)
        state |= {"journal": self.journal.state(), "guard": self.guard.state()}
        state["callbacks"] = [callback.state() if hasattr(callback, "state") else None for callback in self.callbacks]
        self.checkpoints.save(self.model, self.place.step, state)

    def restore(self, path: Path) -> None:
        """Goes to a checkpoint."""
        state = self.checkpoints.load(self.model, path)
        self.place = Place(
            **{field.name: state[field.name] for field in dataclasses.fields(Place) if field.name in state}
        )
        self.journal.restore(self.place.step, state["journal"])
        self.guard.restore(state["guard"])
        for callback, kept in zip(self.callbacks, state["callbacks"], strict=False):
            if kept is not None and hasattr(callback, "restore"):
                callback.restore(kept)

    def roll_back(self) -> None:
        """To the last checkpoint; the batches since are skipped, for they, with these weights, led here.

        Raises:
            Diverged: it happened too often. KerasBertError: there is no checkpoint.
        """
        why, left, most = self.guard.tripped, self.place, self.max_rollbacks
        if not most:
            raise Diverged(f"{why} in step {left.step}; try a tenth of the learning rate")
        if left.rollbacks == most:
            raise Diverged(
                f"{why} in step {left.step}, and {most} returns to a checkpoint did not help; "
                "try half the learning rate, or more warm-up"
            )
        newest = self.checkpoints.newest()
        if newest is None:
            raise KerasBertError(
                f"{why} in step {left.step}, and {self.checkpoints.folder} has no checkpoint to return to"
            )
        self.restore(newest)
        self.place.position, self.place.rollbacks = left.position, left.rollbacks + 1
        log.warning(
            "%s in step %d: back to step %d, and on with batch %d (%d of %d times)",
            why, left.step, self.place.step, left.position, self.place.rollbacks, most,
        )  # fmt: skip
