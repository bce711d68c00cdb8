"""Writes a checkpoint as a preset that KerasHub opens. Neither KerasHub nor TensorFlow is imported."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from kerasbert.checkpoints import keras_hub_tokenizers, keras_weights
from kerasbert.checkpoints.keras_hub_names import (
    FAMILIES,
    KEYS,
    METADATA,
    MLM_ACTIVATION,
    MLM_EPSILON,
    MODEL,
    OWN,
    POSITIONS,
    TASK,
    TASKS,
    TOKEN_TYPES,
    Family,
    Place,
    encoder_places,
    head_places,
)
from kerasbert.checkpoints.loading import ENCODER, Checkpoint
from kerasbert.checkpoints.stored import Change, Written
from kerasbert.checkpoints.tasks import stored_settings
from kerasbert.config import BertConfig
from kerasbert.errors import CheckpointError
from kerasbert.files import write_text
from kerasbert.tasks import task_named
from kerasbert.tasks.labels import label_keys

log = logging.getLogger("kerasbert")

VERSION = "0.32.0"
"""The release of KerasHub whose presets these are."""
HELD = {"pre-training": "fill-mask", "feature-extraction": ENCODER} | {task: task for task in (*TASKS, ENCODER)}
"""Our task -> that of the preset."""
FILES = {"TextClassifier": "text_classifier", "MaskedLM": "masked_lm", "TextEmbedder": "text_embedder"}
"""End of a class -> end of its file."""
MASKING = {
    "mask_selection_rate": 0.15,
    "mask_selection_length": 96,
    "mask_token_rate": 0.8,
    "random_token_rate": 0.1,
}
"""How KerasHub's preprocessor masks words, by its own defaults."""
LEARNING_RATE = 5e-5
"""The rate of the optimizer that KerasHub's tasks are made with."""
SAME = {"gelu_pytorch_tanh": "gelu_new"}
"""An activation -> another name of it."""
CLOSE, SMALL = ("gelu", "gelu_new", "gelu_pytorch_tanh"), 1e-5
"""Activations that differ by at most 0.0005, and the largest epsilon that is close to any smaller one."""
DIFFERENCE = "vectors would differ by about 0.1 % and logits of masked words by about 0.4 % of the largest"
"""Measured on all-MiniLM-L6-v2 and on the encoder that comes with the package."""


def write(checkpoint: Checkpoint, folder: Path, *, approximate: bool = False) -> dict[str, Written]:
    """Writes an encoder, a text classifier, a model of masked words or a sentence encoder as a preset.

    `keras_hub.models.BertBackbone.from_preset(folder)` and the like open it; a task is opened by its own class, such
    as `keras_hub.models.BertTextClassifier`. Names of labels stand in metadata.json, which KerasHub does not read.

    Args:
        folder: exists and is empty.
        approximate: whether a model may be written that KerasHub computes slightly differently.

    Returns:
        Name in a `Checkpoint` -> the tensor that was written.

    Raises:
        CheckpointError: KerasHub has no such model, or computes it differently; tensors are missing.
        TokenizerError: KerasHub splits texts differently.
    """
    config, family = checkpoint.config, FAMILIES.get(checkpoint.config.model_type)
    if family is None:
        raise CheckpointError(
            f"{checkpoint.folder}: is of the family {config.model_type}, and presets of {', '.join(FAMILIES)} are "
            "written; write Hugging Face's format instead (hf)"
        )
    task = _held_task(checkpoint, family)
    settings = {} if task == ENCODER else stored_settings(checkpoint, task_named(task))
    checkpoint.check_usual_pooling("KerasHub")
    _check_computes(checkpoint, task, approximate)
    has_pooler = checkpoint.has("pooler") or "pooler/dense" not in family.layers
    body = [
        each
        for each in encoder_places(config.model_type, config.num_hidden_layers)
        if has_pooler or not each.name.startswith("pooler.")
    ]
    head = list(head_places(config.model_type, task))
    _check_tensors(checkpoint, [*body, *head])
    if not has_pooler:
        log.warning("%s: has no pooler; the preset's pooled_output is 0", checkpoint.folder)
    if config.attention_probs_dropout_prob != config.hidden_dropout_prob:
        rate = config.hidden_dropout_prob
        log.warning(
            "%s: KerasHub has one rate of dropout; the preset's is hidden_dropout_prob %s", checkpoint.folder, rate
        )
    keras_weights.write(folder / MODEL, _body(checkpoint, body, family, has_pooler))
    if head:
        keras_weights.write(folder / TASK, _head(checkpoint, head))
    kept = {} if has_pooler else {"pooler": False}
    if task == "text-classification":
        kept |= {"id2label": label_keys(settings["labels"])["id2label"], "problem_type": settings["problem_type"]}
    _write_descriptions(checkpoint, folder, task, settings, kept)
    written = {each.name: Written(each.file, each.change) for each in body}
    written |= {each.name: Written(f"task/{each.file}", each.change) for each in head}
    if family.shifted:
        written[POSITIONS] = Written(written[POSITIONS].name, rows_of_padding(config.position_offset))
        written[TOKEN_TYPES] = Written(f"{OWN}/{TOKEN_TYPES}", ADDED)
    return written


def rows_of_padding(count: int) -> Change:
    """The way from KerasHub's position table to RoBERTa's in Hugging Face's layout, whose first rows are of padding."""
    return Change(
        lambda x: np.concatenate([np.zeros((count, x.shape[1]), x.dtype), x]),
        lambda x, heads: x[count:],
        f"{count} rows of zeros put before it",
        f"without its first {count} rows, of padding",
    )


ADDED = Change(lambda x: x, lambda x, heads: x, writing="added to every position")


def _held_task(checkpoint: Checkpoint, family: Family) -> str:
    task = HELD.get(checkpoint.task)
    if task is None or (task == "sentence-embedding" and family.said != "Bert"):
        raise _refused(checkpoint, f"holds {checkpoint.holds}, and KerasHub has no class for it")
    return task


def _refused(checkpoint: Checkpoint, why: str) -> CheckpointError:
    return CheckpointError(f"{checkpoint.folder}: {why}; write Hugging Face's format instead (hf)")


def _check_computes(checkpoint: Checkpoint, task: str, approximate: bool) -> None:
    """Raises CheckpointError: KerasHub's class has other constants than the model.

    Small differences are refused too unless `approximate` is true. KerasHub's own converter does not check them.
    """
    config, family = checkpoint.config, FAMILIES[checkpoint.config.model_type]
    if config.type_vocab_size not in family.token_types:
        raise _refused(checkpoint, f"type_vocab_size is {config.type_vocab_size}, which KerasHub's class cannot have")
    constants = [
        ("hidden_act", config.hidden_act, family.activation),
        ("layer_norm_eps", config.layer_norm_eps, family.epsilon),
    ]
    if task == "fill-mask":
        constants += [
            ("the activation of the head", config.mlm["activation"], MLM_ACTIVATION),
            ("the epsilon of the head", config.mlm["epsilon"], MLM_EPSILON),
        ]
    others = [each for each in constants if SAME.get(each[1], each[1]) != each[2]]
    said = ", ".join(f"{name} is {ours} and {theirs} in KerasHub's {family.said}" for name, ours, theirs in others)
    if not all(_is_close(ours, theirs) for _, ours, theirs in others):
        raise _refused(checkpoint, said)
    if others and not approximate:
        raise CheckpointError(f"{checkpoint.config_place}: {said}; {DIFFERENCE}: use --approximate to accept this")


def _is_close(ours: str | float, theirs: str | float) -> bool:
    """Whether a model with the one constant answers nearly as with the other."""
    if isinstance(ours, str):
        return ours in CLOSE
    return max(ours, theirs) <= SMALL


def _check_tensors(checkpoint: Checkpoint, places: list[Place]) -> None:
    """Raises CheckpointError: a tensor is missing, or a head's is of another shape."""
    config = checkpoint.config
    size = config.hidden_size
    square, vector = (size, size), (size,)
    shapes = {"mlm/dense/kernel": square, "mlm/norm/gamma": vector, "mlm/bias": (config.vocab_size,)}
    shapes |= {"classifier/hidden/kernel": square, "pooler/dense/kernel": square}
    wanted = {}
    for path, shape in shapes.items():
        try:
            wanted[checkpoint.names.place(path)[0]] = shape
        except KeyError:  # a layer that the family does not have
            continue
    missing = [each.name for each in places if each.name not in checkpoint.shapes]
    wrong = [
        f"{each.name} is {checkpoint.shapes[each.name]}, not {wanted[each.name]}"
        for each in places
        if each.name in wanted and each.name in checkpoint.shapes and checkpoint.shapes[each.name] != wanted[each.name]
    ]
    if missing or wrong:
        listed = "; ".join([*(f"has no {name}" for name in missing[:4]), *wrong])
        raise CheckpointError(f"{checkpoint.folder}: {listed}; fetch or save it again")


def _body(checkpoint: Checkpoint, places: list[Place], family: Family, has_pooler: bool) -> Iterator:
    """The tensors of `MODEL` in KerasHub's layout."""
    config = checkpoint.config
    for each in places:
        value = checkpoint.read(each.name)
        if family.shifted and each.name == POSITIONS:
            yield f"{OWN}/{POSITIONS}", value
            types = checkpoint.read(TOKEN_TYPES)
            yield f"{OWN}/{TOKEN_TYPES}", types
            value = value[config.position_offset :] + types
        yield each.file, each.change.write(value, config.num_attention_heads)
    if not has_pooler:
        size = config.hidden_size
        yield "layers/dense/vars/0", np.zeros((size, size), "float32")
        yield "layers/dense/vars/1", np.zeros(size, "float32")


def _head(checkpoint: Checkpoint, places: list[Place]) -> Iterator[tuple[str, np.ndarray]]:
    """The tensors of `TASK`, and the state of KerasHub's optimizer, without which Keras warns."""
    for each in places:
        yield each.file, each.change.write(checkpoint.read(each.name), checkpoint.config.num_attention_heads)
    yield "optimizer/vars/0", np.int64(0)
    yield "optimizer/vars/1", np.float32(LEARNING_RATE)


def _write_descriptions(checkpoint: Checkpoint, folder: Path, task: str, settings: dict, kept: dict) -> None:
    """Writes the JSON files and the tokenizer's assets."""
    config = checkpoint.config
    family, tokenizer = FAMILIES[config.model_type], checkpoint.tokenizer()
    sizes = {key: getattr(config, ours) for key, ours in KEYS.items()}
    sizes["max_sequence_length"] = config.max_length
    segments = {"num_segments": config.type_vocab_size} if family.said == "Bert" else {}
    backbone = _object(family, "Backbone", "backbone", {**sizes, "dropout": config.hidden_dropout_prob, **segments})
    files, preprocessor = {"config.json": backbone}, None
    if tokenizer is not None:
        options, assets = keras_hub_tokenizers.described(tokenizer)
        described = _object(family, "Tokenizer", "tokenizer", {"config_file": "tokenizer.json", **options}, "int32")
        files |= {"tokenizer.json": described, **assets}
    if task != ENCODER:
        ending = TASKS[task]
        if tokenizer is not None:
            length = settings.get("max_length", config.max_length)
            options = {"config_file": "preprocessor.json", "sequence_length": length, "truncate": "round_robin"}
            options |= MASKING if task == "fill-mask" else {}
            preprocessor = _object(
                family, f"{ending}Preprocessor", f"{FILES[ending]}_preprocessor", {"tokenizer": described, **options}
            )
            files["preprocessor.json"] = preprocessor
        made = _object(family, ending, FILES[ending], _task_options(config, task, settings))
        named = {"backbone": backbone, "preprocessor": preprocessor, "name": made["config"]["name"]}
        made["config"] = {**named, **_task_options(config, task, settings)}
        files["task.json"] = made
    body = [name for name in checkpoint.shapes if checkpoint.names.head_of(name) in (None, "pooler")]
    files[METADATA] = {
        "keras_version": version("keras"),
        "keras_hub_version": VERSION,
        "parameter_count": sum(int(np.prod(checkpoint.shapes[name])) for name in body),
        "date_saved": datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
        "tasks": ["MaskedLM", "TextClassifier"],
        OWN: kept,
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        lines = "".join(f"{line}\n" for line in content) if isinstance(content, list) else json.dumps(content, indent=4)
        write_text(folder / name, lines)


def _task_options(config: BertConfig, task: str, settings: dict) -> dict:
    """The arguments of a task's class."""
    if task == "sentence-embedding":
        return {"pooling_mode": settings.get("pooling", "mean"), "normalize": True}
    if task != "text-classification":
        return {}
    rate = config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout
    hidden = {} if config.family.classifier_dense is None else {"hidden_dim": config.hidden_size}
    return {"num_classes": len(settings["labels"]), "activation": "linear", **hidden, "dropout": rate}


def _object(family: Family, ending: str, file: str, config: dict, dtype: str = "float32") -> dict:
    """The description of an object, as Keras writes it."""
    name, cls = f"{family.folder}_{file}", f"{family.said}{ending}"
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": dtype}, "registered_name": None}
    return {
        "module": f"keras_hub.src.models.{family.folder}.{name}",
        "class_name": cls,
        "config": {"name": name, "trainable": True, "dtype": policy, **config},
        "registered_name": f"keras_hub>{cls}",
    }
