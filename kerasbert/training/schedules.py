"""Learning rates over time."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("kerasbert")
class LinearWarmup(keras.optimizers.schedules.LearningRateSchedule):
    """Up in a straight line from 0 to `peak` at step `warmup`, then down in a straight line to `end` at step `total`.

    Continuous at the top: the first step behind the warm-up uses the peak itself (other tools that share the name drop
    there, or never reach it).

    Args:
        peak: the highest rate. total: steps of the whole run. warmup: steps to the peak. end: the rate at `total`.
    """

    def __init__(self, *, peak: float, total: int, warmup: int = 0, end: float = 0.0):
        self.peak, self.total, self.warmup, self.end = peak, total, warmup, end

    def __call__(self, step):
        step = ops.cast(step, "float32")
        up = step / max(self.warmup, 1)
        left = (self.total - step) / max(self.total - self.warmup, 1)
        down = self.end / self.peak + (1.0 - self.end / self.peak) * ops.clip(left, 0.0, 1.0)
        return self.peak * ops.where(step < self.warmup, up, down)

    def get_config(self):
        return {"peak": self.peak, "total": self.total, "warmup": self.warmup, "end": self.end}
