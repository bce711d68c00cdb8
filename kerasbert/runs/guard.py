"""Stops `fit` when the loss explodes, so that the run goes back to a checkpoint, or when a signal ends the run."""

import math
import signal
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import keras
from keras import ops

from kerasbert.signals import handled

WINDOW, FEW = 50, 10
"""A loss is compared with the mean of the last `WINDOW` losses; fewer than `FEW` are nothing to compare with."""
MARGIN = 1.0
"""A loss may always be this far above the mean, in nats: near 0, several times the mean is no explosion."""


class LossGuard(keras.callbacks.Callback):
    """Stops `fit` when the loss is not a number, or several times the mean; `tripped` then says which.

    Args:
        factor: a loss is too large above this many times the mean of the last `WINDOW` losses.
    """

    def __init__(self, factor: float = 2.0):
        super().__init__()
        self.factor = factor
        self.losses = deque(maxlen=WINDOW)
        self.tripped = None

    def on_train_begin(self, logs=None):
        self.tripped = None

    def on_train_batch_end(self, batch, logs=None):
        loss = float(logs["loss"])
        usual = sum(self.losses) / len(self.losses) if len(self.losses) >= FEW else math.inf
        if not math.isfinite(loss):
            self.trip(f"the loss became {loss}")
        elif loss > max(self.factor * usual, usual + MARGIN):
            self.trip(f"the loss became {loss:.3f}, where {usual:.3f} is usual,")
        else:
            self.losses.append(loss)

    def trip(self, why: str) -> None:
        """Args: why: a sentence that can go on with "in step 7"."""
        self.tripped = why
        self.model.stop_training = True

    def state(self) -> dict:
        """What a checkpoint keeps of it."""
        return {"losses": list(self.losses)}

    def restore(self, state: dict) -> None:
        self.losses = deque(state["losses"], maxlen=WINDOW)


def are_finite(model) -> bool:
    """Whether all weights are numbers; the loss tells that only one step later."""
    return all(bool(ops.all(ops.isfinite(variable))) for variable in model.trainable_variables)


@contextmanager
def caught_signals() -> Iterator[list[str]]:
    """Within, SIGTERM and SIGINT only append their names to the list that is yielded; a second SIGINT interrupts."""
    names = []

    def remember(number, frame):
        if names and number == signal.SIGINT:
            raise KeyboardInterrupt
        names.append(signal.Signals(number).name)

    with handled(remember, signal.SIGTERM, signal.SIGINT):
        yield names
