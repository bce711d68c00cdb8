"""Metrics that Keras lacks."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("kerasbert")
class Perplexity(keras.metrics.Mean):
    """exp of a mean loss."""

    def result(self):
        return ops.exp(super().result())
