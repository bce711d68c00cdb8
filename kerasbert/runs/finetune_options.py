"""The options of a fine-tuning run, checked before anything is read."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kerasbert.checkpoints.loading import Checkpoint
from kerasbert.config import SCORES
from kerasbert.errors import ConfigError
from kerasbert.runs.run_options import PRECISIONS, check_known, check_values
from kerasbert.tasks.amounts import batching_of
from kerasbert.tasks.lessons import BALANCED
from kerasbert.tasks.task import Example
from kerasbert.training.distribution import STRATEGIES

KEEP = ("best", "last")


def _is_rate(value) -> bool:
    return 0 < value < math.inf


@dataclass(frozen=True, kw_only=True)
class FinetuneOptions:
    """How a checkpoint is taught a task.

    Raises:
        ConfigError: a value that no run can have, or two that do not go together.
    """

    checkpoint: str | Checkpoint | None = None
    """Folder or hub id to begin with, or a checkpoint that is open already; None: the encoder that comes with the
    package."""
    dev: str | Path | Sequence[Example] | None = None
    """Labelled file to measure on after each epoch, or the examples that were read from one."""
    epochs: int = 3
    """Passes over the training file."""
    batch_size: int | None = None
    """Number of rows in a step; None: 32, unless batches are filled by tokens."""
    batch_tokens: int | None = None
    """Number of tokens in a step, with padding, in place of `batch_size`. Those of a source and of its target count
    together. None: the task's `usual_batch_tokens`, if neither is given."""
    learning_rate: float | Sequence[float] | None = None
    """Peak of the learning rate; None goes by the model's size (`kerasbert.training.optimizers.finetuning_rate`), and
    is ten times that with `lora`. Of several, each is tried, and the one whose kept epoch is the best on `dev` is kept;
    of equal ones, the first."""
    loss: str | None = None
    """The loss, one of the task's `losses`; None goes by the examples."""
    decoder_layers: int | None = None
    """Number of the decoder's blocks, for a checkpoint that has no decoder; None: as many as the encoder's."""
    cross_attention: str | None = None
    """How a new decoder compares queries with the encoder's vectors, one of `kerasbert.config.SCORES`; None: "dot"."""
    label_smoothing: float | None = None
    """Share of the probability of each token to learn that is spread over all words; None: 0.1."""
    few_shot: int | None = None
    """The number of pairs with the same label that begin with each text and teach the encoder, before a classifier is
    put on it (`kerasbert.runs.few_labels`). `epochs` are passes over these pairs. None: the usual fine-tuning."""
    lora: int | None = None
    """Rank of LoRA (`kerasbert.models.lora`), such as 8: embeddings and blocks stay as they are, and the saved model
    has merged kernels. None: every weight learns."""
    warmup: float = 0.1
    """Share of the steps in which the rate grows to its peak; it falls to 0 afterwards."""
    layer_decay: float | None = None
    """Factor between the learning rates of a block and of the block above it; None: one rate for all."""
    weight_decay: float = 0.01
    """Weight decay of matrices. A step at rate r takes r * weight_decay of a weight away."""
    class_weight: str | None = None
    """"balanced" lets every label count the same in the loss (`kerasbert.tasks.lessons.balanced`); None: every
    answer."""
    keep: str | None = None
    """Which epoch's weights are saved: the "best" on `dev`, or the "last". None: the best with `early_stopping`, else
    the last."""
    metric: str | None = None
    """The figure on `dev` that decides which epoch is the best: "loss", or a figure of the task. None: the task's
    headline figure, or "loss" if its settings have none. The first of equal epochs is the best."""
    early_stopping: int | None = None
    """The run ends after this number of epochs without a better one. None: it makes all epochs."""
    average: int = 1
    """The saved weights are the mean of those after the kept epoch and after the epochs before it, this number in all
    (Vaswani et al. 2017, section 6.1). Figures of single epochs are those of their own weights."""
    dev_sample: int = 200
    """Number of the examples of `dev` that are answered after each epoch, if the task's answers take long, as written
    texts do. Each is then answered fast (`Task.quick`). The figures at the end are those of all examples."""
    max_length: int | None = None
    """Largest number of tokens in a row. A longer text is read in windows, if the task does so, else it is cut. None:
    the number that kerasbert saved with the checkpoint. A checkpoint without one gets the task's `usual_length`, or
    what the model can take if that is less."""
    precision: str = "float32"
    """What products are computed in, a key of `kerasbert.runs.run_options.PRECISIONS`."""
    accumulate: int = 1
    """Micro-batches that a batch is cut into."""
    strategy: str = "auto"
    """Which devices share the work; see `kerasbert.training.distribution.strategy_named`."""
    resume: bool = False
    """Whether to go on from the folder's last checkpoint at the exact batch. Without a checkpoint the run begins."""
    save_minutes: float = 10.0
    """The longest time between two checkpoints. There is also one after each epoch."""
    seed: int = 0
    """Seed for every random draw."""
    columns: Mapping[str, str | None] = field(default_factory=dict)
    """Names of columns; see `kerasbert.examples.readers.read_examples`."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Settings of the task, such as `problem_type` and `pooling`; those left out or None are the checkpoint's."""

    def __post_init__(self):
        check_known(self, precision=PRECISIONS, strategy=STRATEGIES)
        check_values(
            self,
            ("epochs accumulate average dev_sample", lambda x: x >= 1, "1 or more"),
            ("few_shot", lambda x: x is None or x >= 1, "a number of pairs, 1 or more, or None"),
            ("early_stopping", lambda x: x is None or x >= 1, "a number of epochs, 1 or more, or None"),
            ("learning_rate", self._are_rates, "a number above 0, several different ones, or None for the usual one"),
            ("lora", lambda x: x is None or x >= 1, "a rank, 1 or more, or None to let every weight learn"),
            ("decoder_layers", lambda x: x is None or x >= 1, "a number of blocks, 1 or more, or None"),
            ("cross_attention", lambda x: x in (None, *SCORES), f"one of {', '.join(SCORES)}, or None"),
            ("label_smoothing", lambda x: x is None or 0 <= x < 1, "a share from 0 to below 1, or None"),
            ("warmup", lambda x: 0 <= x <= 1, "a share from 0 to 1"),
            ("layer_decay", lambda x: x is None or 0 < x <= 1, "a number above 0, up to 1, or None for one rate"),
            ("weight_decay", lambda x: 0 <= x < math.inf, "0 or more"),
            ("save_minutes", _is_rate, "a number above 0"),
            ("class_weight", lambda x: x in (None, BALANCED), f"{BALANCED!r} or None"),
            ("keep", lambda x: x in (None, *KEEP), "'best', 'last' or None"),
            shown=str,
        )
        batching_of(None, self.batch_size, self.batch_tokens)
        twice = self.settings.get("max_length")
        if self.max_length is not None and twice is not None:
            raise ConfigError(f"max_length is {self.max_length}, and {twice} in settings: give it once")
        for name in ("metric", "early_stopping"):
            if getattr(self, name) is not None and self.dev is None:
                raise ConfigError(f"{name} is {getattr(self, name)}, which needs held-out examples: give dev")
        if self.dev is None and (self.keep == "best" or len(self.rates) > 1):
            what = "keep is best" if self.keep == "best" else f"learning_rate is {self.learning_rate}"
            raise ConfigError(f"{what}, which needs held-out examples: give dev")

    @staticmethod
    def _are_rates(value) -> bool:
        rates = value if isinstance(value, Sequence) else [value]
        return value is None or (len(rates) > 0 and all(map(_is_rate, rates)) and len(set(rates)) == len(rates))

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rates that are given."""
        given = self.learning_rate
        return () if given is None else tuple(given) if isinstance(given, Sequence) else (given,)

    @property
    def new_decoder(self) -> dict[str, object]:
        """What is given of a decoder that begins with the run, as `Seq2Seq.from_pretrained` takes it."""
        given = {name: getattr(self, name) for name in ("decoder_layers", "cross_attention")}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def smoothing(self) -> dict[str, float]:
        """What is given of label smoothing, as `Seq2Seq.compile` takes it."""
        return {} if self.label_smoothing is None else {"label_smoothing": self.label_smoothing}

    @property
    def keeps_best(self) -> bool:
        """Whether the best epoch's weights are saved."""
        return self.keep == "best" or (self.keep is None and self.early_stopping is not None)
