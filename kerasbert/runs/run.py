"""A pre-training run between two steps: its position, checkpoints, evaluation, rollback and end."""

import dataclasses
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import keras

from kerasbert.errors import KerasBertError
from kerasbert.runs.guard import LossGuard, are_finite, caught_signals
from kerasbert.runs.journal import Journal
from kerasbert.runs.resume import Checkpoints

log = logging.getLogger("kerasbert")


class Stopped(KerasBertError):
    """A signal ended the run; its state is saved."""


@dataclasses.dataclass
class Place:
    """Where a run is; its checkpoints keep it."""

    step: int = 0
    """Updates made."""
    position: int = 0
    """The next batch of the data. Ahead of the step where batches were skipped."""
    rollbacks: int = 0
    """Explosions forgiven."""
    best: int | None = None
    """The step with the least held-out loss."""
    best_loss: float | None = None


class Run(keras.callbacks.Callback):
    """Calls `fit` until all steps are made, and is called back by it.

    Args:
        model: compiled, its optimizer built.
        total: steps. save_every, save_seconds: of a checkpoint; evaluate_every: steps of a measurement.
        held_out: makes what `evaluate` takes, and how many steps of it; None measures nothing.
        max_rollbacks: how often an exploding loss is forgiven.
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
        evaluate_every: int,
        held_out: tuple[Callable[[], Iterable], int] | None,
        max_rollbacks: int,
        chief: bool,
        callbacks: Sequence[keras.callbacks.Callback],
    ):
        super().__init__()
        self.set_model(model)
        self.checkpoints, self.journal, self.guard = checkpoints, journal, LossGuard()
        self.total, self.save_every, self.save_seconds = total, save_every, save_seconds
        self.evaluate_every, self.held_out = evaluate_every, held_out
        self.max_rollbacks, self.chief, self.callbacks = max_rollbacks, chief, callbacks
        self.place, self.signals = Place(), []
        self.saved = time.monotonic()

    def begin(self) -> None:
        """At the newest checkpoint; without any, that of step 0 is written."""
        newest = self.checkpoints.newest()
        self.restore(newest) if newest else self.save()

    def train(self, data_from: Callable[[int], Iterable]) -> None:
        """Makes all steps that are left.

        Args:
            data_from: the batches from one on.

        Raises:
            Stopped: by a signal. KerasBertError: too many explosions.
        """
        with caught_signals() as self.signals:
            while self.place.step < self.total:
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
        last = place.step == self.total
        if self.held_out and (last or place.step % self.evaluate_every == 0):
            self.evaluate()
        late = time.monotonic() - self.saved > self.save_seconds
        if last or late or place.step % self.save_every == 0:
            self.save()

    def evaluate(self) -> None:
        """Measures on held-out data, and saves what is better than ever."""
        started, (make_data, steps) = time.monotonic(), self.held_out
        found = self.model.evaluate(make_data(), steps=steps, verbose=0, return_dict=True)
        # Keras's loss is the mean of the batches' losses, the others are means over all masked words and pairs.
        found["loss"] = sum(value for name, value in found.items() if name.endswith("_loss"))
        figures = {f"val_{name}": float(value) for name, value in found.items()}
        self.journal.add(figures, seconds=time.monotonic() - started)
        if self.place.best_loss is None or found["loss"] < self.place.best_loss:
            self.place.best, self.place.best_loss = self.place.step, float(found["loss"])
            self.save()

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
        self.place = Place(**{field.name: state[field.name] for field in dataclasses.fields(Place)})
        self.journal.restore(self.place.step, state["journal"])
        self.guard.restore(state["guard"])
        for callback, kept in zip(self.callbacks, state["callbacks"], strict=False):
            if kept is not None and hasattr(callback, "restore"):
                callback.restore(kept)

    def roll_back(self) -> None:
        """To the last checkpoint; the batches since are skipped, for they, with these weights, led here.

        Raises:
            KerasBertError: it happened too often, or there is no checkpoint.
        """
        why, left, most = self.guard.tripped, self.place, self.max_rollbacks
        if left.rollbacks == most:
            raise KerasBertError(
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
