"""What every task's model shares: texts in, outputs by name, answers out."""

from collections.abc import Sequence

import keras
import numpy as np

from kerasbert.errors import ConfigError
from kerasbert.models.encoder import BertEncoder
from kerasbert.tasks.rows import pad_rows, token_rows
from kerasbert.tasks.table import TASKS, Task


def check_length(config, max_length: int | None) -> None:
    """Raises ConfigError: a text cannot be cut to so many tokens."""
    if max_length is not None and not 3 <= max_length <= config.max_length:
        raise ConfigError(f"max_length is {max_length}: use 3 to {config.max_length}, the model's positions")


class TextModel(keras.Model):
    """A functional model on an encoder's inputs, with outputs that `TASKS` names: a dict, or one tensor.

    Attributes that a subclass sets: `encoder`, `config`, `problem_type`, `labels` (empty where there are none) and
    `max_length`, the tokens a text is cut to.
    """

    @property
    def tokenizer(self):
        return self.encoder.tokenizer

    @property
    def task(self) -> Task:
        return TASKS[self.problem_type]

    @property
    def named_outputs(self) -> dict:
        """The symbolic outputs by name, in the order of the task."""
        return self._by_name(self.output)

    def export_outputs(self, inputs: dict) -> dict:
        """Inputs by name -> outputs by name, as tensors: what an exported file computes."""
        return self._by_name(self(inputs, training=False))

    def _by_name(self, outputs) -> dict:
        if not isinstance(outputs, dict):
            (name,) = self.task.outputs
            return {name: outputs}
        return {name: outputs[name] for name in self.task.outputs if name in outputs}

    def predict_text(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, batch_size: int = 32
    ) -> list[dict]:
        """Texts (or pairs) to answers, in their order."""
        return self.task.decode(self.predict_outputs(texts, pairs, batch_size=batch_size), self.labels)

    def predict_outputs(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, batch_size: int = 32
    ) -> dict[str, np.ndarray | list[np.ndarray]]:
        """Texts (or pairs) to float32 outputs by name, in their order; texts of like length share a batch.

        Those by token are a list, (tokens, ...) a text.
        """
        rows = self._rows(texts, pairs)
        lengths = [len(row) for row in rows["input_ids"]]
        order = np.argsort(lengths, kind="stable")
        by_token = self.task.by_token
        outputs = {
            name: [None] * len(order) if name in by_token else np.zeros((len(order), *tensor.shape[1:]), "float32")
            for name, tensor in self.named_outputs.items()
        }
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            batch = pad_rows(rows, chosen, max_length=self.max_length, pad_id=self.config.pad_token_id)
            for name, values in self._by_name(self.predict_on_batch(batch)).items():
                for index, value in zip(chosen, values, strict=True):
                    outputs[name][index] = value[: lengths[index]].astype("float32") if name in by_token else value
        return outputs

    def get_config(self):
        return {
            "encoder": self.encoder.get_config(),
            "max_length": self.max_length,
            "name": self.name,
            "dtype": self.encoder.embeddings.dtype_policy.name,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "encoder": BertEncoder.from_config(config["encoder"])})

    def _rows(self, texts, pairs) -> dict:
        if self.tokenizer is None:
            raise ConfigError(
                "this model has no tokenizer; put vocab.txt or tokenizer.json into its folder, or give its encoder one"
            )
        return token_rows(self.tokenizer, texts, pairs, max_length=self.max_length, names=list(self.encoder.input))
