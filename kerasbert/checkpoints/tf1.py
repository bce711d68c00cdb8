"""TensorFlow's checkpoints of BERT: google-research/bert's, which are also written, and those of the Model Garden."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from kerasbert.checkpoints import model_garden, names, tf_bundle, tf_folders, tf_names
from kerasbert.checkpoints.loading import Checkpoint
from kerasbert.checkpoints.stored import FLOATS, HEADS_OUT, Stored, Written, put
from kerasbert.errors import CheckpointError, ConfigError
from kerasbert.files import write_text
from kerasbert.reading import read_json

FAMILY = "bert"
DEFAULTS = {"model_type": FAMILY, "type_vocab_size": 16}
"""What a bert_config.json means that does not say it. Source: google-research/bert, modeling.py."""
EPSILON = 1e-12
"""The epsilon of every LayerNorm; google-research/bert has no other."""
ACTIVATIONS = ("gelu", "relu", "tanh")
"""Those of google-research/bert that kerasbert has. Source: modeling.py, get_activation."""
CLOSE = ("gelu_new", "gelu_pytorch_tanh")
"""Those that differ from gelu by at most 0.0005."""
NAME = "bert_model.ckpt"
SETTINGS = (
    "attention_probs_dropout_prob",
    "hidden_act",
    "hidden_dropout_prob",
    "hidden_size",
    "initializer_range",
    "intermediate_size",
    "max_position_embeddings",
    "num_attention_heads",
    "num_hidden_layers",
    "type_vocab_size",
    "vocab_size",
)
"""The keys of google-research/bert's bert_config.json."""
KEPT = ("architectures", "classifier_dropout", "id2label", "kerasbert", "label2id", "pad_token_id", "problem_type")
"""What a written bert_config.json keeps of config.json beside, which google-research/bert does not read."""
SKIPPED = {
    r"(.*/)?(adam_[mv]|Adam(_\d+)?|lamb_[mv]|LAMB(_\d+)?|Momentum)": "a mean of the optimiser",
    r"beta[12]_power|good_steps|(current_)?loss_scale|bad_steps": "a number of the optimiser",
    r".*/\.OPTIMIZER_SLOT/.*|_?optimizer/.*": "a number of the optimiser",
    r"(global_step|save_counter|learning_rate)(/\.ATTRIBUTES/.*)?": "the state of a training run",
    model_garden.GRAPH: "tells the names of the others",
}
"""Pattern of a name -> why the tensor is not read."""


def read(path: Path) -> Checkpoint:
    """Reads bert_config.json and the index of the checkpoint.

    Args:
        path: the folder, the `.index` in it, or this path without `.index`.

    Raises:
        CheckpointError: no checkpoint or several; a file that is missing or damaged; another model than BERT.
        ConfigError: a bert_config.json that is missing or cannot be read.
    """
    prefix = tf_folders.prefix_of(path)
    index = Path(f"{prefix}.index")
    found = list(tf_bundle.read(prefix))
    plain = model_garden.plain_names(prefix, [stored.name for stored in found])
    tensors, skipped = {}, {}
    for stored in found:
        why = _why_skipped(stored.name)
        row = tf_names.hugging_face_name(plain.get(stored.name, stored.name))
        if row is None and not why and stored.dtype not in FLOATS:
            why = f"not a weight, of type {stored.dtype}"
        if why:
            skipped[stored.name] = why
            continue
        name, change = row or (stored.name, stored.change)
        put(tensors, name, replace(stored, change=change), index)
    names.give_back_tied(tensors, names.TIED[FAMILY])
    _check_family(index, tensors)
    settings, config = _settings(prefix.parent, tensors)
    kind = "model-garden" if _is_garden(tensors) else "tf1"
    return Checkpoint(
        prefix.parent, settings, tensors, names.names_of(FAMILY), skipped, format=kind, config_name=config
    )


def write(checkpoint: Checkpoint, folder: Path, *, approximate: bool = False) -> dict[str, Written]:
    """Writes a BERT as google-research/bert does: bert_config.json, bert_model.ckpt, the tokenizer's files.

    Args:
        folder: exists and is empty.
        approximate: whether a model may be written that google-research/bert computes slightly differently: one with
            the tanh approximation of gelu, or with a head of masked words that differs from its blocks.

    Returns:
        Name in a `Checkpoint` -> the tensor that was written. Copies of tied tensors are left out.

    Raises:
        CheckpointError: the model is no BERT, or one that google-research/bert would compute in another way.
        OSError: a file cannot be written.
    """
    config = checkpoint.config
    if config.model_type != FAMILY:
        raise CheckpointError(
            f"{checkpoint.folder}: is of the family {config.model_type}; TF1 checkpoints hold BERT: use --to hf"
        )
    if config.layer_norm_eps != EPSILON:
        raise CheckpointError(
            f"{checkpoint.config_place}: layer_norm_eps is {config.layer_norm_eps}; google-research/bert computes with "
            f"{EPSILON}: use --to hf"
        )
    if not approximate:
        checkpoint.check_usual_mlm("google-research/bert")
    checkpoint.check_usual_pooling("google-research/bert")
    activation = _activation(checkpoint, approximate)
    rows = {name: tf_names.tf1_name(name) for name in checkpoint.tensors}
    written = {name: Written(*row) for name, row in rows.items() if row}

    def tensors() -> Iterator[tuple[str, np.ndarray]]:
        for name, place in written.items():
            yield place.name, place.change.write(checkpoint.read(name), config.num_attention_heads)

    tf_bundle.write(folder / NAME, tensors())
    kept = {name: checkpoint.settings[name] for name in KEPT if name in checkpoint.settings}
    settings = {name: value for name, value in asdict(config).items() if name in SETTINGS}
    settings |= {"hidden_act": activation, **kept}
    write_text(folder / tf_folders.CONFIG, json.dumps(settings, indent=2, ensure_ascii=False) + "\n")
    write_text(folder / "checkpoint", f'model_checkpoint_path: "{NAME}"\nall_model_checkpoint_paths: "{NAME}"\n')
    if (tokenizer := checkpoint.tokenizer()) is not None:
        tokenizer.save(folder, max_length=config.max_length)
    return written


def _activation(checkpoint: Checkpoint, approximate: bool) -> str:
    """The `hidden_act` that is written.

    Raises:
        CheckpointError: google-research/bert does not have it, and would stop when it builds the model.
    """
    name = checkpoint.config.hidden_act
    if name in ACTIVATIONS:
        return name
    if name in CLOSE and approximate:
        return "gelu"
    mend = "use --approximate to write gelu, or --to hf" if name in CLOSE else "use --to hf"
    raise CheckpointError(
        f"{checkpoint.config_place}: hidden_act is {name}; google-research/bert has {', '.join(ACTIVATIONS)}: {mend}"
    )


def _why_skipped(name: str) -> str | None:
    return next((why for pattern, why in SKIPPED.items() if re.fullmatch(pattern, name)), None)


def _is_garden(tensors: dict[str, Stored]) -> bool:
    """Whether the attention has an axis for its heads, as in the Model Garden only."""
    return any(stored.change is HEADS_OUT for stored in tensors.values())


def _check_family(index: Path, tensors: dict[str, Stored]) -> None:
    if not any(name.startswith("embeddings.") for name in tensors):
        first = ", ".join(list(tensors)[:4]) or "no tensor of floats"
        raise CheckpointError(
            f"{index}: holds none of BERT's embeddings (it has {first}); kerasbert reads BERT as google-research/bert "
            "and TensorFlow's Model Garden save it"
        )


def _settings(folder: Path, tensors: dict[str, Stored]) -> tuple[dict, str]:
    """What bert_config.json, config.json or params.yaml says, in the words of config.json, and the name of the file."""
    places = [folder / name for name in (tf_folders.CONFIG, "config.json")]
    place = next((each for each in places if each.exists()), places[0])
    if not place.exists():
        if _is_garden(tensors):
            settings, name = model_garden.settings(folder, tensors)
            return {"model_type": FAMILY, **settings}, name
        raise ConfigError(
            f"{place}: no such file; copy it, and vocab.txt, from the folder of the model that the training began with"
        )
    settings = {**DEFAULTS, **read_json(place, ConfigError)}
    if settings["model_type"] != FAMILY:
        raise ConfigError(f"{place}: model_type is {settings['model_type']!r}: a checkpoint of TensorFlow holds bert")
    return settings, place.name
