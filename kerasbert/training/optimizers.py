"""AdamW and LAMB as transformers are trained with them."""

import math
import re
from collections.abc import Sequence

import keras
from keras import ops

from kerasbert.errors import ConfigError
from kerasbert.training.schedules import make_schedule


def layer_factors(paths: Sequence[str], layer_decay: float) -> list[float]:
    """What the learning rate of each variable is multiplied by (BEiT, arXiv 2106.08254, appendix; ELECTRA alike).

    A head and the pooler learn at the full rate, the last block at `layer_decay` times it, each block below at that
    much of the one above, the embeddings at that much of the first block.

    Args:
        paths: of the variables, with `block_<i>` or `embeddings` among their parts.

    Raises:
        ConfigError: a decay that is none, or no block.
    """
    if not 0 < layer_decay <= 1:
        raise ConfigError(f"layer_decay is {layer_decay!r}: use a number above 0, up to 1, such as 0.9")
    places = [re.search(r"(?:^|/)(?:block_(\d+)|embeddings|embeddings_projection)/", path) for path in paths]
    depths = [place and (0 if place[1] is None else 1 + int(place[1])) for place in places]  # None: above the blocks
    blocks = max((depth for depth in depths if depth), default=0)
    if not blocks:
        raise ConfigError(
            f"layer_decay is {layer_decay!r}, but none of the {len(paths)} variables lies in a block_0, block_1, ...: "
            "leave it out"
        )
    return [1.0 if depth is None else layer_decay ** (blocks + 1 - depth) for depth in depths]


class _PerVariable:
    """What both optimizers add to Keras's.

    - A learning rate for each variable, by its layer; weight decay follows it.
    - No decay on vectors: LayerNorm's two and every bias. Keras's own exclusion goes by name, which would miss
      LayerNorm's gamma and beta, and is lost when an optimizer is saved with its model.
    - Dense gradients. That of a table comes as rows on TensorFlow, where Keras sums the squares of a row that occurs
      twice instead of squaring the sum, in the clipping and in the second moment.
    """

    def __init__(self, *args, layer_decay: float | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.layer_decay = layer_decay

    def build(self, variables):
        if not self.built and self.layer_decay is not None:
            self._factors = tuple(layer_factors([variable.path for variable in variables], self.layer_decay))
        super().build(variables)

    def apply(self, grads, trainable_variables=None):
        return super().apply([_dense(gradient) for gradient in grads], trainable_variables)

    def _apply_weight_decay(self, variables):
        """Nothing: `update_step` decays, which knows the variable's own rate."""

    def _rate(self, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype)
        return rate if self.layer_decay is None else rate * self._factors[self._get_variable_index(variable)]

    def get_config(self):
        return {**super().get_config(), "layer_decay": self.layer_decay}


@keras.saving.register_keras_serializable("kerasbert")
class AdamW(_PerVariable, keras.optimizers.AdamW):
    """AdamW (arXiv 1711.05101, algorithm 2) with bias correction, without decay on vectors.

    Args:
        layer_decay: see `layer_factors`; None: one rate for all. The others are Keras's.
    """

    def update_step(self, gradient, variable, learning_rate):
        rate = self._rate(variable, learning_rate)
        if _is_matrix(variable):
            self.assign_sub(variable, rate * self.weight_decay * variable)
        super().update_step(gradient, variable, rate)


@keras.saving.register_keras_serializable("kerasbert")
class Lamb(_PerVariable, keras.optimizers.Lamb):
    """LAMB (arXiv 1904.00962, algorithm 2), with neither decay nor trust ratio for vectors.

    Keras's own decays weights before the update, where the trust ratio does not see it, and has a trust ratio for all.

    Args:
        layer_decay: see `layer_factors`; None: one rate for all. The others are Keras's.
    """

    def update_step(self, gradient, variable, learning_rate):
        rate = self._rate(variable, learning_rate)
        gradient = ops.cast(gradient, variable.dtype)
        step = ops.cast(self.iterations + 1, variable.dtype)
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        self.assign_add(m, (1 - self.beta_1) * (gradient - m))
        self.assign_add(v, (1 - self.beta_2) * (ops.square(gradient) - v))
        m_hat = m / (1 - ops.power(self.beta_1, step))
        v_hat = v / (1 - ops.power(self.beta_2, step))
        update = m_hat / (ops.sqrt(v_hat) + self.epsilon)
        if _is_matrix(variable):
            update = update + (self.weight_decay or 0.0) * variable
            rate = rate * _trust_ratio(variable, update)
        self.assign_sub(variable, rate * update)


def _is_matrix(variable) -> bool:
    return len(variable.shape) > 1


def _trust_ratio(variable, update):
    """Norm of the weights by norm of the update, 1 where either is 0."""
    weights, change = (ops.sqrt(ops.sum(ops.square(x))) for x in (variable, update))
    both = ops.logical_and(weights > 0, change > 0)
    return ops.where(both, weights / ops.where(both, change, 1.0), 1.0)


def _dense(gradient):
    # Only TensorFlow's IndexedSlices have that attribute; a reshape makes a tensor of them.
    return ops.reshape(gradient, gradient.shape) if hasattr(gradient, "dense_shape") else gradient


def scaled_for_float16(optimizer, model):
    """The optimizer, in a `LossScaleOptimizer` where a layer of the model computes in float16.

    Keras itself asks the model's own policy, and a functional model takes none from its arguments.
    """
    optimizer = keras.optimizers.get(optimizer)
    scales = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if scales or all(layer.compute_dtype != "float16" for layer in model._flatten_layers(include_self=False)):
        return optimizer
    return keras.optimizers.LossScaleOptimizer(optimizer)


OPTIMIZERS = {"adamw": AdamW, "lamb": Lamb}


def make_optimizer(
    name: str = "adamw",
    *,
    learning_rate: float = 5e-5,
    steps: int | None = None,
    warmup: int | float = 0.1,
    schedule: str = "linear",
    end: float = 0.0,
    weight_decay: float = 0.01,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    clip_norm: float | None = 1.0,
    layer_decay: float | None = None,
) -> keras.optimizers.Optimizer:
    """An optimizer by name, with a schedule, gradients clipped by their joint norm, no decay on LayerNorm and biases.

    Args:
        name: a key of `OPTIMIZERS`.
        learning_rate: the peak. steps: of the whole run, for the schedule; None keeps the rate constant.
        warmup, schedule, end: see `kerasbert.training.schedules.make_schedule`.
        clip_norm: None for no clipping. layer_decay: see `layer_factors`.

    Raises:
        ConfigError: an unknown name, or a warm-up that does not fit.
    """
    if name not in OPTIMIZERS:
        raise ConfigError(f"optimizer is {name!r}: use one of {', '.join(OPTIMIZERS)}")
    if steps is not None:
        learning_rate = make_schedule(schedule, peak=learning_rate, steps=steps, warmup=warmup, end=end)
    return OPTIMIZERS[name](
        learning_rate,
        weight_decay=weight_decay,
        beta_1=beta_1,
        beta_2=beta_2,
        epsilon=epsilon,
        global_clipnorm=clip_norm,
        layer_decay=layer_decay,
    )


def adamw(**options) -> AdamW:
    """`make_optimizer("adamw", ...)`, what everything but pre-training uses."""
    return make_optimizer("adamw", **options)


RATES = ((4 * 256, 3e-4), (4 * 512, 1e-4), (math.inf, 5e-5))
"""Blocks times width, of BERT-mini, of BERT-small -> the rate of models up to it."""
STATIC_RATE = 3e-3
"""The rate of a static encoder, measured on sentiment. Its vectors have to move further than the weights of blocks."""


LORA_FACTOR = 10
"""How many times larger the rate is with LoRA, whose matrices begin at no change at all."""


def finetuning_rate(config, *, lora: bool = False) -> float:
    """A peak to begin with, of those that google-research/bert tries on its small models (README, March 2020), or
    `STATIC_RATE`."""
    size = config.num_hidden_layers * config.hidden_size
    rate = STATIC_RATE if config.family.static else next(rate for largest, rate in RATES if size <= largest)
    return rate * LORA_FACTOR if lora else rate
