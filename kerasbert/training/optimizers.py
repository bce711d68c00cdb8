"""AdamW as transformers are trained with it."""

import keras

from kerasbert.training.schedules import LinearWarmup


def adamw(
    variables,
    *,
    learning_rate: float = 5e-5,
    steps: int | None = None,
    warmup: float = 0.1,
    weight_decay: float = 0.01,
    clip_norm: float = 1.0,
) -> keras.optimizers.Optimizer:
    """AdamW with bias correction, gradients clipped by their joint norm, no decay on LayerNorm and biases.

    Args:
        variables: the model's trainable variables. They are told apart by their shape: a vector (LayerNorm's two and
            every bias) is not decayed. Keras's exclusion by name would miss them (LayerNorm's are called gamma, beta).
        learning_rate: the peak. steps: of the whole run, for the schedule; None keeps the rate constant.
        warmup: share of the steps in which the rate rises.
    """
    if steps is not None:
        learning_rate = LinearWarmup(peak=learning_rate, total=steps, warmup=round(warmup * steps))
    optimizer = keras.optimizers.AdamW(
        learning_rate, weight_decay=weight_decay, epsilon=1e-8, global_clipnorm=clip_norm
    )
    optimizer.exclude_from_weight_decay(var_list=[v for v in variables if len(v.shape) < 2])
    return optimizer
