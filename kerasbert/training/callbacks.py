"""What a person sees while a model trains, and what ends a run that has gone wrong."""

import math
import sys
import time

import keras

from kerasbert.errors import KerasBertError


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
    """One line on stderr: epoch, step, texts a second, time left in the run (validation included), loss and metrics.

    On a terminal the line is rewritten several times a second; elsewhere a new one comes every `seconds`.

    Args:
        texts: of one epoch. seconds: between lines where there is no terminal.
    """

    def __init__(self, texts: int, *, seconds: float = 20.0, stream=None):
        super().__init__()
        self.texts, self.seconds, self.stream = texts, seconds, stream or sys.stderr

    def on_train_begin(self, logs=None):
        self.live = self.stream.isatty()
        self.started = self.shown = time.monotonic()
        self.first = None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.resumed = epoch, time.monotonic()
        self.first = epoch if self.first is None else self.first  # fit(initial_epoch=3) counts from 3

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        if now - self.shown < (0.2 if self.live else self.seconds):
            return
        self.shown = now
        steps, epochs = self.params["steps"], self.params["epochs"]
        share = (batch + 1) / steps
        rate = share * self.texts / (now - self.resumed)
        done = self.epoch + share
        left = round((epochs - done) * (now - self.started) / (done - self.first))
        self._show(
            f"epoch {self.epoch + 1}/{epochs}  step {batch + 1}/{steps}  {rate:.0f} texts/s  "
            f"{left // 60}:{left % 60:02d} left  {_figures(logs)}",
            end="" if self.live else "\n",
        )

    def on_epoch_end(self, epoch, logs=None):
        took = time.monotonic() - self.started
        self._show(f"epoch {epoch + 1}/{self.params['epochs']}  {took:.0f} s  {_figures(logs)}", end="\n")

    def _show(self, line: str, end: str) -> None:
        print(("\r\x1b[K" if self.live else "") + line, end=end, file=self.stream, flush=True)


def _figures(logs: dict | None) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
