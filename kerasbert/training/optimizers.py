"""AdamW as transformers are trained with it."""

import keras

from kerasbert.training.schedules import LinearWarmup


@keras.saving.register_keras_serializable("kerasbert")
class AdamW(keras.optimizers.AdamW):
    """Keras's, without decay on vectors: LayerNorm's two and every bias.

    Keras's own exclusion goes by name, which would miss LayerNorm's gamma and beta, and is lost when an optimizer is
    saved with its model.
    """

    def build(self, variables):
        if not self.built:
            self.exclude_from_weight_decay(var_list=[variable for variable in variables if len(variable.shape) < 2])
        super().build(variables)


def adamw(
    *,
    learning_rate: float = 5e-5,
    steps: int | None = None,
    warmup: float = 0.1,
    weight_decay: float = 0.01,
    clip_norm: float = 1.0,
) -> AdamW:
    """AdamW with bias correction, gradients clipped by their joint norm, no decay on LayerNorm and biases.

    Args:
        learning_rate: the peak. steps: of the whole run, for the schedule; None keeps the rate constant.
        warmup: share of the steps in which the rate rises.
    """
    if steps is not None:
        learning_rate = LinearWarmup(peak=learning_rate, total=steps, warmup=round(warmup * steps))
    return AdamW(learning_rate, weight_decay=weight_decay, epsilon=1e-8, global_clipnorm=clip_norm)
