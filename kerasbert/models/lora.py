"""LoRA (Hu et al. 2021, arXiv 2106.09685): the encoder stays as it is, and small matrices beside it learn."""

import math
from operator import attrgetter

import keras
import numpy as np

from kerasbert.checkpoints.huggingface import LORA, merged_kernels
from kerasbert.errors import ConfigError
from kerasbert.layers.dense import Dense

ADAPTED = (
    "attention.query",
    "attention.key",
    "attention.value",
    "attention.output_dense",
    "intermediate",
    "output_dense",
)
"""The layers of each block that get LoRA: every linear one (Dettmers et al. 2023, arXiv 2305.14314, section 4). With
query and value alone, as in LoRA's paper, MiniLM lost two points more on sentiment."""


class WithLora:
    """A mixin, listed before `keras.Model`, for a model with an `encoder`."""

    lora_rank: int | None = None
    """Rank of LoRA's matrices; None without LoRA."""
    _frozen: frozenset[str] = frozenset()
    """Paths of the weights that LoRA froze."""

    def enable_lora(self, rank: int, *, alpha: float | None = None) -> None:
        """Freezes embeddings and blocks, and lets each block's linear layers learn as `W + alpha / rank * A B`.

        B begins at 0, so the model answers as before. The pooler and everything above the encoder learn in full. Call
        it before `compile`, whose optimizer then has moments for what learns only. Saved folders and exported files
        have merged kernels, and so have `.keras` files: a model that is loaded from one has no LoRA and is
        not compiled.

        Args:
            rank: number of columns of A, (inputs, rank), and of rows of B, (rank, outputs).
            alpha: None: `rank`, as Keras's and peft's defaults have it (a factor of 1).

        Raises:
            ConfigError: a rank that is no whole number from 1 to `hidden_size`, LoRA is there already, or the encoder
                is static.
        """
        if self.lora_rank is not None:
            raise ConfigError(
                f"rank is {rank!r}, but the model has LoRA of rank {self.lora_rank}; merge_lora() ends it"
            )
        self.config.check_blocks("LoRA")
        check_rank(rank, self.config)
        alpha = rank if alpha is None else alpha
        if not 0 < alpha < math.inf:
            raise ConfigError(f"alpha is {alpha!r}: use a number above 0, such as {rank}")
        learning = [variable for part in self._beneath() for variable in part.trainable_variables]
        self._frozen = frozenset(variable.path for variable in learning)
        for variable in learning:
            variable.trainable = False
        for layer in self.lora_layers():
            # Uniform up to 1 / sqrt(inputs), as in peft.
            start = keras.initializers.VarianceScaling(1 / 3, mode="fan_in", distribution="uniform")
            layer.enable_lora(rank, lora_alpha=alpha, a_initializer=start)
        self.lora_rank = rank
        self._trace_anew()

    def merge_lora(self) -> None:
        """Adds what LoRA learned to the kernels and ends it: what LoRA froze learns again. Compile anew to train on."""
        if self.lora_rank is None:
            return
        for layer in self.lora_layers():
            layer.merge_lora()
        for variable in (variable for part in self._beneath() for variable in part.weights):
            variable.trainable = variable.path in self._frozen
        self.lora_rank = None
        self._trace_anew()

    def lora_layers(self) -> list[Dense]:
        """The layers that LoRA adapts, or would adapt."""
        return [attrgetter(name)(block) for block in self.encoder.blocks for name in ADAPTED]

    def lora_weights(self) -> list:
        """The matrices A and B of each of these layers; empty without LoRA."""
        layers = self.lora_layers() if self.lora_rank is not None else []
        return [matrix for layer in layers for matrix in (layer.lora_kernel_a, layer.lora_kernel_b)]

    def get_compile_config(self):
        # A file has no LoRA, so the moments of its matrices would fit nothing there.
        return super().get_compile_config() if self.lora_rank is None else None

    def _beneath(self) -> list:
        return self.encoder.body

    def _trace_anew(self) -> None:
        """Functions that were traced before compute with the weights of before."""
        self.train_function = self.test_function = self.predict_function = None
        self._passes = {}


def has_lora(model: keras.Model) -> bool:
    """Whether a layer has LoRA, by `enable_lora` of the model or of the layer."""
    return bool(merged_kernels(model))


def merged_weights(model: keras.Model) -> list[np.ndarray]:
    """The values of a model's weights as they would be without LoRA: merged kernels, in the order of `get_weights`."""
    kernels = merged_kernels(model)
    kept = (weight for weight in model.weights if weight.name not in LORA)
    return [np.asarray(kernels.get(weight.path, weight)) for weight in kept]


def check_rank(rank, config) -> None:
    """Raises ConfigError: no whole number from 1 to the hidden size."""
    if not isinstance(rank, int) or isinstance(rank, bool) or not 1 <= rank <= config.hidden_size:
        raise ConfigError(f"rank is {rank!r}: use a whole number from 1 to {config.hidden_size}, the hidden size")
