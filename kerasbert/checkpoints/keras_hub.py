"""KerasHub's presets and models in memory, read as checkpoints. `keras_hub_writing.py` writes presets.

Neither KerasHub nor TensorFlow is imported.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from kerasbert.checkpoints import keras_hub_tokenizers, keras_weights, names, weight_files
from kerasbert.checkpoints.huggingface import LORA, merged_kernels, numbers
from kerasbert.checkpoints.keras_hub_names import (
    FAMILIES,
    KEYS,
    METADATA,
    MLM_ACTIVATION,
    MLM_EPSILON,
    MODEL,
    OLD_TASKS,
    OWN,
    POSITIONS,
    SHARDS,
    TASK,
    TASKS,
    TOKEN_TYPES,
    Place,
    encoder_places,
    head_places,
)
from kerasbert.checkpoints.keras_hub_writing import rows_of_padding, write
from kerasbert.checkpoints.loading import ENCODER, Checkpoint
from kerasbert.checkpoints.stored import Stored
from kerasbert.config import BertConfig
from kerasbert.errors import CheckpointError, ConfigError
from kerasbert.families import FAMILIES as CONFIGS
from kerasbert.reading import read_json
from kerasbert.tokenizers import HostTokenizer

__all__ = ["of", "read", "write"]

ACTIVATIONS = {
    "linear": None,
    "softmax": None,
    "sigmoid": "multi_label_classification",
}
"""Activation of a classifier's outputs -> problem_type; None where the number of outputs tells it."""
OWN_NAMES = tuple(f"{OWN}/{name}" for name in (POSITIONS, TOKEN_TYPES))
KEPT = ("id2label", "problem_type", "pooler")
"""The keys of our section of `METADATA`."""
SKIPPED = {"optimizer": "the optimizer's state", "seed_generator": "the state of a generator of random numbers"}
"""Part of a name -> why the tensor is not read."""


def read(folder: Path) -> Checkpoint:
    """Reads the configuration of a preset and the headers of its weights.

    Raises:
        CheckpointError: no weights, a damaged or foreign file.
        ConfigError: a configuration that cannot be read or is of another class.
        TokenizerError: files of the tokenizer that cannot be used.
    """
    place = folder / "config.json"
    content = read_json(place, ConfigError)
    family, body = _family(content.get("class_name"), content.get("registered_name"), place), _body(content, place)
    tokenizer = keras_hub_tokenizers.read(folder)
    config = _config(family, body, tokenizer, place)
    settings = _head_settings(folder, family, config)
    files = weight_files.find(folder, MODEL, SHARDS)
    if not files:
        raise CheckpointError(f"{folder}: no {MODEL}; fetch the whole preset again")
    held = {_plain(stored.name): stored for file in files for stored in keras_weights.read(file)}
    task = _task(family, settings["architectures"][0])
    if task in TASKS and (folder / TASK).exists():
        for stored in keras_weights.read(folder / TASK):
            held[f"task/{_plain(stored.name)}"] = replace(stored, name=f"task/{stored.name}")
    places = [(_plain(each.file), each) for each in encoder_places(family, min(config.num_hidden_layers, len(held)))]
    places += [(f"task/{_plain(each.file)}", each) for each in head_places(family, task)]
    return _checkpoint(folder, config, settings | _kept(folder), places, held, tokenizer)


def of(model, tokenizer=None) -> Checkpoint:
    """A backbone or a task of KerasHub in memory, as a checkpoint. The kernels of layers with LoRA are merged.

    Args:
        model: a `BertBackbone`, `RobertaBackbone` or `DistilBertBackbone`, or a task on one of these.
        tokenizer: KerasHub's tokenizer or preprocessor, or a tokenizer of kerasbert; None: that of the task.

    Raises:
        CheckpointError, ConfigError: it is of another class, or has weights that no class of KerasHub has.
        TokenizerError: the tokenizer is of another kind.
    """
    backbone, preprocessor = getattr(model, "backbone", model), getattr(model, "preprocessor", None)
    classes = [each.__name__ for each in type(backbone).__mro__]
    place = Path(type(model).__name__)
    named = next((each for each in classes if each in _backbones()), classes[0])
    family = _family(named, None, place)
    tokenizer = preprocessor if tokenizer is None else tokenizer
    tokenizer = None if tokenizer is None else keras_hub_tokenizers.of(tokenizer)
    config = _config(family, backbone.get_config(), tokenizer, place)
    task, settings = ENCODER, {"architectures": [names.ARCHITECTURES[family][ENCODER]]}
    if model is not backbone:
        classes = [each.__name__ for each in type(model).__mro__]
        task = next((each for each in (_task(family, name) for name in classes) if each in TASKS), place.name)
        length = getattr(preprocessor, "sequence_length", None)
        settings = _task_settings(family, task, model.get_config(), config, length, place)
    merged = merged_kernels(model)
    held = {
        path: Stored(path, tuple(variable.shape), str(variable.dtype), partial(numbers, merged.get(path, variable)))
        for path, variable in ((each.path, each) for each in model.weights)
        if path.rpartition("/")[2] not in LORA
    }
    places = [*encoder_places(family, min(config.num_hidden_layers, len(held))), *head_places(family, task)]
    checkpoint = _checkpoint(place, config, settings, [(each.memory, each) for each in places], held, tokenizer)
    return replace(checkpoint, config_name="get_config()")


def _backbones() -> dict[str, str]:
    """Class of a backbone -> our family."""
    return {f"{each.said}Backbone": family for family, each in FAMILIES.items()}


def _family(name: object, registered: object, place: Path) -> str:
    known = _backbones()
    package = str(registered or "keras_hub>").partition(">")[0]
    if not isinstance(name, str) or name not in known or package not in ("keras_hub", "keras_nlp"):
        raise ConfigError(
            f"{place}: holds a {registered or name} of Keras; kerasbert reads {', '.join(known)} of KerasHub"
        )
    return known[name]


def _body(content: Mapping, place: Path) -> dict:
    """The arguments in the description of an object."""
    body = content.get("config")
    if not isinstance(body, dict):
        raise ConfigError(f"{place}: has no section config, which holds the sizes; fetch the whole preset again")
    return body


def _config(family: str, body: Mapping, tokenizer: HostTokenizer | None, place: Path) -> BertConfig:
    """A backbone's arguments as a configuration of ours."""
    missing = [key for key in KEYS if key not in body]
    if missing:
        raise ConfigError(f"{place}: has no {', '.join(missing)}; fetch the whole preset again")
    known, rate = FAMILIES[family], body.get("dropout", 0.1)
    values = {ours: body[key] for key, ours in KEYS.items()}
    values |= {"hidden_dropout_prob": rate, "attention_probs_dropout_prob": rate, "hidden_act": known.activation}
    values |= {**CONFIGS[family].defaults, **values, "model_type": family, "layer_norm_eps": known.epsilon}
    values |= {} if tokenizer is None else {"pad_token_id": tokenizer.pad_id}
    values |= {"type_vocab_size": body.get("num_segments", 2)} if family == "bert" else {}
    if known.shifted and isinstance(values["max_position_embeddings"], int):
        values["max_position_embeddings"] += values["pad_token_id"] + 1
    try:
        return BertConfig(**values)
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from None


def _task(family: str, name: object) -> str:
    """Our task of a class of KerasHub or of transformers; the class itself if it is of no task that kerasbert reads."""
    known = {f"{FAMILIES[family].said}{ending}": task for task, ending in TASKS.items()}
    known |= {f"{FAMILIES[family].said}{ending}": task for ending, task in OLD_TASKS.items()}
    known |= {name: task for task, name in names.ARCHITECTURES[family].items()}
    return known.get(str(name), str(name))


def _head_settings(folder: Path, family: str, config: BertConfig) -> dict:
    """What task.json and preprocessor.json say, in the words of config.json."""
    place = folder / "task.json"
    if not place.exists():
        return {"architectures": [names.ARCHITECTURES[family][ENCODER]]}
    content, preprocessor = read_json(place, ConfigError), folder / "preprocessor.json"
    length = None
    if preprocessor.exists():
        length = _body(read_json(preprocessor, ConfigError), preprocessor).get("sequence_length")
    task = _task(family, content.get("class_name"))
    return _task_settings(family, task, _body(content, place), config, length, place)


def _task_settings(family: str, task: str, body: Mapping, config: BertConfig, length: object, place: Path) -> dict:
    """The arguments of a task in the words of config.json."""
    classes = names.ARCHITECTURES[family]
    own = {"max_length": min(length, config.max_length)} if isinstance(length, int) else {}
    settings = {"architectures": [classes.get(task, task)], "kerasbert": own}
    if task == "sentence-embedding":
        own |= {"task": task, "pooling": body.get("pooling_mode", "mean")}
        settings["architectures"] = [classes[ENCODER]]
    elif task == "fill-mask":
        head = {"activation": MLM_ACTIVATION, "epsilon": MLM_EPSILON}
        if config.mlm != head:
            settings |= {"mlm_hidden_act": MLM_ACTIVATION, "mlm_layer_norm_eps": MLM_EPSILON}
    elif task == "text-classification":
        activation, width = body.get("activation") or "linear", body.get("hidden_dim") or config.hidden_size
        if not isinstance(activation, str) or activation not in ACTIVATIONS:
            raise ConfigError(f"{place}: activation is {activation!r:.200}: kerasbert has {', '.join(ACTIVATIONS)}")
        if width != config.hidden_size:
            raise ConfigError(
                f"{place}: hidden_dim is {width!r:.200}; kerasbert's classifier has the width of the encoder, "
                f"{config.hidden_size}"
            )
        settings |= {"problem_type": ACTIVATIONS[activation]} if ACTIVATIONS[activation] else {}
        settings["classifier_dropout"] = body.get("dropout")
    return settings


def _kept(folder: Path) -> dict:
    """What kerasbert wrote into a preset beside KerasHub's own: names of labels, and whether there is a pooler."""
    kept = read_json(folder / METADATA, ConfigError).get(OWN) if (folder / METADATA).exists() else {}
    return {name: kept[name] for name in KEPT if name in kept} if isinstance(kept, dict) else {}


def _plain(name: str) -> str:
    """A name in a file as every version of Keras has it: attributes without underscores, layers under `layers`."""
    parts = [part.removeprefix("_") for part in name.split("/")]
    return "/".join(["layers" if part == "layer_checkpoint_dependencies" else part for part in parts])


def _checkpoint(
    folder: Path,
    config: BertConfig,
    settings: dict,
    places: Iterable[tuple[str, Place]],
    held: Mapping[str, Stored],
    tokenizer: HostTokenizer | None,
) -> Checkpoint:
    """The checkpoint of the tensors that are held, each under the name that `places` give it."""
    known, tensors, skipped, own = dict(places), {}, {}, {}
    for name, stored in held.items():
        if why := next((why for part, why in SKIPPED.items() if part in name.split("/")), None):
            skipped[stored.name] = why
            continue
        stored.check_float(folder)
        if name in known:
            tensors[known[name].name] = replace(stored, change=known[name].change)
        elif FAMILIES[config.model_type].shifted and name in OWN_NAMES:
            own[name.removeprefix(f"{OWN}/")] = stored
        else:
            tensors[stored.name] = stored
    if settings.pop("pooler", True) is False:
        for name in [name for name in tensors if name.startswith("pooler.")]:
            skipped[tensors.pop(name).name] = "zeros: the model has no pooler"
    if FAMILIES[config.model_type].shifted:
        tensors |= _completed(tensors, config.position_offset)
    if POSITIONS in own and POSITIONS in tensors:
        skipped[tensors[POSITIONS].name] = f"{own[POSITIONS].name} has its rows"
    fields = {each: settings.pop(each) for each in BertConfig.__dataclass_fields__ if each in settings}
    try:
        values = replace(config, **fields).to_dict() | settings
    except ConfigError as error:
        raise ConfigError(f"{folder}: {error}") from None
    return Checkpoint(
        folder,
        values,
        tensors | own,
        names.names_of(config.model_type),
        skipped,
        format="keras-hub",
        read_tokenizer=lambda folder: tokenizer,
    )


def _completed(tensors: Mapping[str, Stored], offset: int) -> dict[str, Stored]:
    """The tables of RoBERTa in Hugging Face's layout: with rows for padding, and with token types that add nothing."""
    completed = {}
    if POSITIONS in tensors:
        completed[POSITIONS] = replace(tensors[POSITIONS], change=rows_of_padding(offset))
        width = tensors[POSITIONS].shape[-1]
        completed[TOKEN_TYPES] = Stored("(zeros)", (1, width), "float32", lambda: np.zeros((1, width), "float32"))
    return completed
