"""Learning rates over time."""

import math

import keras
from keras import ops

from kerasbert.errors import ConfigError

SHAPES = {
    "straight": lambda left: left,
    "cosine": lambda left: 0.5 - 0.5 * ops.cos(math.pi * left),
}
"""Ways down: the share of the way that is left, 1 to 0, to the share of the rate that is left, also 1 to 0."""

SCHEDULES = {
    "linear": {},
    "polynomial": {"power": 0.5},  # LAMB's
    "cosine": {"shape": "cosine"},
    "wsd": {"decay": 0.1},  # warm-up, stable, decay: flat until the last tenth (MiniCPM, arXiv 2404.06395, section 4)
}
"""Schedules by name: what `WarmupDecay` gets, `decay` as a share of the steps."""


@keras.saving.register_keras_serializable("kerasbert")
class WarmupDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Up in a straight line from 0 to `peak` at step `warmup`, then down to `end` at step `total`, where it stays.

    Continuous at the top: the first step behind the warm-up uses the peak itself (other tools that share the names drop
    there, or never reach it).

    Args:
        peak: the highest rate. total: steps of the whole run. warmup: steps to the peak. end: the rate at `total`.
        shape: of the way down, a key of `SHAPES`. power: what the shape is raised to; 0.5 is LAMB's polynomial.
        decay: steps of the way down, the last ones, with the peak before them; None: all behind the warm-up.

    Raises:
        ConfigError: steps that do not fit into the run, or an unknown shape.
    """

    def __init__(
        self,
        *,
        peak: float,
        total: int,
        warmup: int = 0,
        end: float = 0.0,
        shape: str = "straight",
        power: float = 1.0,
        decay: int | None = None,
    ):
        if shape not in SHAPES:
            raise ConfigError(f"shape is {shape!r}: use one of {', '.join(SHAPES)}")
        if not 0 <= warmup <= total:
            raise ConfigError(f"{warmup} steps of warm-up do not fit into a run of {total}: use 0 to {total}")
        if decay is not None and not 0 <= decay <= total - warmup:
            raise ConfigError(
                f"{decay} steps of decay do not fit into a run of {total} behind {warmup} of warm-up: "
                f"use 0 to {total - warmup}"
            )
        self.peak, self.total, self.warmup, self.end = peak, total, warmup, end
        self.shape, self.power, self.decay = shape, power, decay

    def __call__(self, step):
        step = ops.cast(step, "float32")
        up = step / max(self.warmup, 1)
        decay = self.total - self.warmup if self.decay is None else self.decay
        left = ops.clip((self.total - step) / max(decay, 1), 0.0, 1.0)
        down = SHAPES[self.shape](left) ** self.power
        return ops.where(step < self.warmup, self.peak * up, self.end + (self.peak - self.end) * down)

    def get_config(self):
        names = ("peak", "total", "warmup", "end", "shape", "power", "decay")
        return {name: getattr(self, name) for name in names}


def make_schedule(name: str, *, peak: float, steps: int, warmup: int | float = 0.1, end: float = 0.0) -> WarmupDecay:
    """A schedule by name.

    Args:
        name: a key of `SCHEDULES`. peak: the highest rate. steps: of the whole run.
        warmup: a whole number counts steps, another one is a share of them (1.0 is all, 1 is one step).
        end: the last rate as a share of the peak.

    Raises:
        ConfigError: an unknown name, or a warm-up that does not fit.
    """
    if name not in SCHEDULES:
        raise ConfigError(f"schedule is {name!r}: use one of {', '.join(SCHEDULES)}")
    options = dict(SCHEDULES[name])
    if "decay" in options:
        options["decay"] = round(options["decay"] * steps)
    warmup = round(warmup * steps) if isinstance(warmup, float) else warmup
    return WarmupDecay(peak=peak, total=steps, warmup=warmup, end=end * peak, **options)
