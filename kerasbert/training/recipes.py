"""Pre-training recipes of the literature, as data."""

import dataclasses
import math
from dataclasses import dataclass

import keras

from kerasbert.errors import ConfigError
from kerasbert.training.optimizers import make_optimizer


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is pre-trained.

    Raises:
        ConfigError: a value that no run can have.
    """

    source: str
    """The publication and the code that the figures are from."""
    batch_size: int
    """Rows per update, over all replicas and micro-batches."""
    steps: int
    """Number of updates."""
    optimizer: str = "adamw"
    """A key of `kerasbert.training.optimizers.OPTIMIZERS`."""
    learning_rate: float
    """Learning rate at its peak."""
    warmup: int | float
    """Steps up to the peak: a whole number of them, or a share of all steps."""
    schedule: str = "linear"
    """A key of `kerasbert.training.schedules.SCHEDULES`."""
    end: float = 0.0
    """The last rate as a share of the peak."""
    weight_decay: float = 0.01
    """A step at rate r takes r * weight_decay of a weight away."""
    beta_1: float = 0.9
    """Decay of the mean of the gradients."""
    beta_2: float = 0.999
    """Decay of the mean of their squares."""
    epsilon: float = 1e-6
    """Added to the root of that mean."""
    clip_norm: float | None = 1.0
    """The largest joint norm of the gradients. None: no limit."""
    mask_rate: float = 0.15
    """Share of the tokens to predict."""
    dropout: float = 0.1
    """Dropout rate of hidden layers and of attention."""
    mode: str = "mlm"
    """Mode of the data, as `kerasbert prepare --mode` calls it."""
    max_length: int = 512
    """Tokens in the longest row of the data."""

    def __post_init__(self):
        for names, fits, mend in (
            ("batch_size steps max_length", lambda x: isinstance(x, int) and x > 0, "a whole number above 0"),
            ("learning_rate epsilon", lambda x: 0 < x < math.inf, "a number above 0"),
            ("warmup end weight_decay", lambda x: 0 <= x < math.inf, "0 or more"),
            ("beta_1 beta_2 dropout", lambda x: 0 <= x < 1, "0 or more, below 1"),
            ("mask_rate", lambda x: 0 < x < 1, "a number between 0 and 1, such as 0.15"),
            ("clip_norm", lambda x: x is None or 0 < x < math.inf, "a number above 0, or None for no clipping"),
        ):
            for name in names.split():
                value = getattr(self, name)
                if not fits(value):
                    raise ConfigError(f"{name} is {value!r}: use {mend}")

    @classmethod
    def named(cls, name: str, **changes) -> "Recipe":
        """A row of `RECIPES`, with other values for some of its fields; those that are None stay the recipe's.

        Raises:
            ConfigError: an unknown name, or a value that no run can have.
        """
        if name not in RECIPES:
            raise ConfigError(f"recipe is {name!r}: use one of {', '.join(RECIPES)}")
        return dataclasses.replace(RECIPES[name], **{k: v for k, v in changes.items() if v is not None})

    def make_optimizer(self) -> keras.optimizers.Optimizer:
        """The recipe's optimizer with its schedule.

        Raises:
            ConfigError: an unknown optimizer or schedule, or a warm-up that does not fit into the steps.
        """
        return make_optimizer(
            self.optimizer,
            learning_rate=self.learning_rate,
            steps=self.steps,
            warmup=self.warmup,
            schedule=self.schedule,
            end=self.end,
            weight_decay=self.weight_decay,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            clip_norm=self.clip_norm,
        )


RECIPES = {
    # Epsilon and clipping are in the code only. The paper trains nine tenths of the steps on rows of 128 tokens. Its
    # Adam has no bias correction; ours has. 10,000 steps of warm-up, as a share, so that a shorter run keeps the shape.
    "bert": Recipe(
        source="Devlin et al. 2018 (arXiv 1810.04805), appendix A.2; google-research/bert, optimization.py",
        batch_size=256,
        steps=1_000_000,
        learning_rate=1e-4,
        warmup=0.01,
        mode="mlm-nsp",
    ),
    # The base model. 24,000 steps of warm-up, as a share.
    "roberta": Recipe(
        source="Liu et al. 2019 (arXiv 1907.11692), table 9",
        batch_size=8192,
        steps=500_000,
        learning_rate=6e-4,
        warmup=0.048,
        beta_2=0.98,
        clip_norm=None,
    ),
    # Two phases, the second from the weights of the first. BERT-large there; their rate drops by 15 % where the warm-up
    # ends, ours goes on from the peak.
    "lamb": Recipe(
        source="NVIDIA/DeepLearningExamples, PyTorch/LanguageModeling/BERT, pretrain_config.sh, phase 1; You et al. "
        "2019 (arXiv 1904.00962)",
        batch_size=65_536,
        steps=7038,
        optimizer="lamb",
        learning_rate=6e-3,
        warmup=0.2843,
        schedule="polynomial",
        mode="mlm-nsp",
        max_length=128,
    ),
    "lamb-2": Recipe(
        source="NVIDIA/DeepLearningExamples, PyTorch/LanguageModeling/BERT, pretrain_config.sh, phase 2",
        batch_size=32_768,
        steps=1563,
        optimizer="lamb",
        learning_rate=4e-3,
        warmup=0.128,
        schedule="polynomial",
        mode="mlm-nsp",
        max_length=512,
    ),
    # Their weight decay of 1e-5 is not multiplied by the rate but by the rate's share of its peak (composer's
    # DecoupledAdamW), which is 1e-5 / 5e-4 here. They have a dropout of 0.1 behind all but the attention.
    "24h": Recipe(
        source="Portes et al. 2023 (arXiv 2312.17482), MosaicBERT; mosaicml/examples, mosaic-bert-base-uncased.yaml",
        batch_size=4096,
        steps=70_000,
        learning_rate=5e-4,
        warmup=0.06,
        end=0.02,
        weight_decay=0.02,
        beta_2=0.98,
        clip_norm=None,
        mask_rate=0.3,
        dropout=0.0,
        max_length=128,
    ),
}
