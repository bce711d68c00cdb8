"""Short pre-training runs of a tiny model, and what to compare of them."""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from kerasbert import BertConfig, BertEncoder
from kerasbert.models.pretraining import PretrainingModel
from kerasbert.runs.journal import read_csv
from kerasbert.runs.pretrain import pretrain
from kerasbert.runs.pretrain_options import PretrainOptions
from kerasbert.training.optimizers import make_optimizer
from kerasbert.training.recipes import Recipe


def train(data, folder, *, recipe: str = "24h", callbacks=(), **options) -> dict[str, float]:
    """`pretrain` with small numbers, 12 steps of 16 rows; `options` are its own and the recipe's."""
    small = {"batch_size": 16, "steps": 12, "learning_rate": 3e-3, "warmup": 0.25}
    fields = Recipe.__dataclass_fields__.keys() & options.keys()
    chosen = Recipe.named(recipe, **small | {name: options.pop(name) for name in fields})
    own = PretrainOptions(**{"log_every": 1, "save_every": 4, **options})
    return pretrain(data, folder, chosen, own, callbacks=callbacks)


def losses(folder) -> list[float]:
    return [row["loss"] for row in read_csv(folder)]


def weights(folder) -> dict[str, bytes]:
    return {name: tensor.tobytes() for name, tensor in load_file(Path(folder) / "model.safetensors").items()}


def difference(one, other) -> float:
    """The largest between the weights of two model folders."""
    one, other = (load_file(Path(folder) / "model.safetensors") for folder in (one, other))
    assert one.keys() == other.keys()
    return max(float(np.abs(one[name] - other[name]).max()) for name in one)


def small_model(hidden_size: int = 16) -> PretrainingModel:
    """Compiled, with an optimizer that has its variables."""
    config = BertConfig(
        vocab_size=30, hidden_size=hidden_size, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24
    )
    model = PretrainingModel(BertEncoder(config, pooler=True))
    model.compile(make_optimizer(steps=10))
    model.optimizer.build(model.trainable_variables)
    return model


def lines(path: Path, texts) -> Path:
    """Writes a file with one text per line."""
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path
