"""What is special in checkpoints of TensorFlow's Model Garden: names of objects, and the settings of an experiment.

A checkpoint that was saved by object has the path of attributes to each variable for a name, and a graph of the objects
that also has the variables' own names. Tables of both are in `tf_names.py`.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import yaml

from kerasbert.checkpoints import tf_bundle, tf_names
from kerasbert.checkpoints.names import tensor_name
from kerasbert.checkpoints.sizes import told_sizes
from kerasbert.checkpoints.stored import Stored
from kerasbert.errors import CheckpointError, ConfigError
from kerasbert.protobuf import fields
from kerasbert.reading import read_text

log = logging.getLogger("kerasbert")

GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
PARAMETERS = "params.yaml"
_ATTRIBUTE = "/.ATTRIBUTES/VARIABLE_VALUE"
_NUMBERED = re.compile(r"(?:.*/)?layer_with_weights-(\d+)/")
_EMBEDDINGS = ("_embedding_layer", "_position_embedding_layer", "_type_embedding_layer", "_embedding_norm_layer")
_SETTINGS = {
    "vocab_size": ("vocab_size", int),
    "hidden_size": ("hidden_size", int),
    "num_layers": ("num_hidden_layers", int),
    "num_attention_heads": ("num_attention_heads", int),
    "intermediate_size": ("intermediate_size", int),
    "hidden_activation": ("hidden_act", str),
    "dropout_rate": ("hidden_dropout_prob", float),
    "attention_dropout_rate": ("attention_probs_dropout_prob", float),
    "max_position_embeddings": ("max_position_embeddings", int),
    "type_vocab_size": ("type_vocab_size", int),
    "initializer_range": ("initializer_range", float),
}
"""The Model Garden's key -> ours, and its type."""
_FIXED = {"norm_first": "false", "return_attention_scores": "false"}
"""Keys that would change the encoder if they had another value."""


def plain_names(prefix: Path, stored: Iterable[str]) -> dict[str, str]:
    """Name of each tensor that was saved by object -> a name of `tf_names.py`, where one is known.

    Args:
        prefix: the checkpoint's path without `.index`.
        stored: the names of its tensors.

    Raises:
        CheckpointError: the graph of the objects is damaged.
    """
    stored = [name for name in stored if name.endswith(_ATTRIBUTE)]
    own = _own_names(prefix) if stored else {}
    blocks = {found[1] for name in stored if "/_attention_layer/" in name and (found := _NUMBERED.match(name))}
    plain = {}
    for name in stored:
        path = _NUMBERED.sub(lambda found: f"{_layer(int(found[1]), len(blocks))}/", name.removesuffix(_ATTRIBUTE))
        path = re.sub(r"^(model/|encoder/)+", "", path)
        known = (each for each in (own.get(name, ""), path) if tf_names.hugging_face_name(each))
        plain[name] = next(known, name)
    return plain


def _layer(number: int, blocks: int) -> str:
    """The attribute of a layer that has a number instead: those of models which Keras's functional API made."""
    first = len(_EMBEDDINGS)
    if number < first:
        return _EMBEDDINGS[number]
    return f"_transformer_layers/{number - first}" if number < first + blocks else "_pooler_layer"


def _own_names(prefix: Path) -> dict[str, str]:
    """Name in the checkpoint -> the variable's own name. Source: trackable_object_graph.proto."""
    names = {}
    try:
        for _, node in fields(tf_bundle.read_text(prefix, GRAPH)):
            for number, part in fields(node):
                if number == 2:
                    attribute = dict(fields(part))
                    names[attribute.get(3, b"").decode()] = attribute.get(2, b"").decode()
    except (ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{prefix}: its graph of objects is damaged ({error}); fetch or save it again") from None
    return names


def settings(folder: Path, tensors: Mapping[str, Stored]) -> tuple[dict, str]:
    """The encoder's numbers in the words of config.json, and the file that they come from.

    They are those of params.yaml. Without one, the shapes tell the sizes; a warning names what is assumed.

    Args:
        folder: where the checkpoint is.
        tensors: Hugging Face's name -> the tensor.

    Raises:
        ConfigError: params.yaml cannot be read, describes another encoder, or is needed.
    """
    place = folder / PARAMETERS
    if not place.exists():
        return _of_shapes(place, tensors), PARAMETERS
    try:
        # Texts only: no types, no merged keys, which can grow without end.
        content = yaml.load(read_text(place, ConfigError), yaml.BaseLoader)
        for key in ("task", "model", "encoder"):
            content = content.get(key, content)
        # A list of lists that repeat each other could be written out without end.
        found = {key: value for key, value in content["bert"].items() if isinstance(value, str) and value != "null"}
        for key, wanted in _FIXED.items():
            if found.get(key, wanted) != wanted:
                raise ConfigError(f"{place}: {key} is {found[key]!r:.80}: kerasbert supports {wanted} only")
        known = {_SETTINGS[key]: value for key, value in found.items() if key in _SETTINGS}
        return {name: kind(value) for (name, kind), value in known.items()}, PARAMETERS
    except (yaml.YAMLError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else getattr(error, "problem", error)
        raise ConfigError(f"{place}: cannot be read as YAML ({reason})") from None
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{place}: describes no encoder of the type bert ({error!r:.200}); write a bert_config.json"
        ) from None


def _of_shapes(place: Path, tensors: Mapping[str, Stored]) -> dict:
    """The sizes that the tensors' shapes tell."""
    shapes = {name: stored.canonical_shape for name, stored in tensors.items()}
    found = told_sizes(shapes, partial(tensor_name, "bert", prefix=False))
    query = tensors.get("encoder.layer.0.attention.self.query.weight")
    if query is None or len(query.shape) != 3 or not all(found.values()):
        raise ConfigError(f"{place.with_name('bert_config.json')}: no such file, nor {place.name}; write one of them")
    log.warning(
        "%s: no bert_config.json or %s; sizes are those of the tensors, and hidden_act gelu and a dropout of 0.1 are "
        "assumed",
        place.parent,
        place.name,
    )
    return {**found, "num_attention_heads": query.shape[1]}
