"""How a model learns: optimizers, schedules, progress."""
