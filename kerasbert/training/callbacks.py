"""Callbacks: a progress line, and a stop when the loss is not a number."""

import math
import sys
import time

import keras

from kerasbert.errors import KerasBertError
from kerasbert.progress import Line, time_left


class FiniteLoss(keras.callbacks.Callback):
    """Ends a run whose loss is no longer a number, so that nobody saves its weights.

    Raises:
        KerasBertError: naming the step.
    """

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            raise KerasBertError(
                f"the loss became {loss} in step {batch + 1}, epoch {self.epoch + 1}; try a tenth of the learning rate"
            )


class Progress(keras.callbacks.Callback):
    """One line on stderr: epoch, step, texts per second, time left in the run (validation included), loss and metrics.

    A terminal rewrites the line several times per second; elsewhere a new one comes every `seconds`.

    Args:
        texts: number of texts in an epoch. seconds: time between lines where there is no terminal.
    """

    def __init__(self, texts: int, *, seconds: float = 20.0, stream=None):
        super().__init__()
        self.texts = texts
        self.line = Line(stream or sys.stderr, seconds)

    def on_train_begin(self, logs=None):
        self.started = self.line.shown = time.monotonic()
        self.run = None  # (time, epochs done) from which speed is measured; so is self.lap, within an epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.lap = time.monotonic(), epoch

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        steps, epochs = self.params["steps"], self.params["epochs"]
        done = self.epoch + (batch + 1) / steps
        if self.run is None:  # the first step traces and compiles, which says nothing of the others
            self.run = self.lap = now, done
            return
        if not self.line.due(now):
            return
        rate = self.texts * (done - self.lap[1]) / (now - self.lap[0])
        left = (epochs - done) * (now - self.run[0]) / (done - self.run[1])
        self.line.show(
            f"epoch {self.epoch + 1}/{epochs}  step {batch + 1}/{steps}  {rate:.0f} texts/s  "
            f"{time_left(left)}  {_figures(logs)}"
        )

    def on_epoch_end(self, epoch, logs=None):
        took = time.monotonic() - self.started
        self.line.show(f"epoch {epoch + 1}/{self.params['epochs']}  {took:.0f} s  {_figures(logs)}", last=True)


def _figures(logs: dict | None) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
