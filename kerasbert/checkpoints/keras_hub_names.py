"""KerasHub's names, as data: its classes, and the place of each tensor in a file of weights and in a model in memory.

A row names a layer by our path; `{}` is the block's number. Keras's files name a layer by the classes and attributes on
the way to it, and number its variables; a model in memory has names of layers and of variables.
"""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from kerasbert.checkpoints.names import tensor_name
from kerasbert.checkpoints.stored import AS_IT_IS, HEADS_BIAS, HEADS_IN, HEADS_OUT, TRANSPOSED, Change

MODEL, TASK = "model.weights.h5", "task.weights.h5"
SHARDS = "model.weights.json"
"""The index of the shards that stand in the place of `MODEL`."""
VOCABULARY, BYTE_PAIRS, MERGES = (
    f"assets/tokenizer/{name}" for name in ("vocabulary.txt", "vocabulary.json", "merges.txt")
)


@dataclass(frozen=True)
class Layer:
    """Where KerasHub has a layer of ours.

    Attributes:
        file: the layer in a file of weights, below `layers/`.
        memory: the layer in a model, or a variable that stands alone.
        changes: the layouts of its variables.
        leaves: the names of its variables; empty for a variable that stands alone.
    """

    file: str
    memory: str
    changes: tuple[Change, ...] = (AS_IT_IS,)
    leaves: tuple[str, ...] = ("",)


def _dense(file: str, memory: str, kernel: Change = TRANSPOSED, bias: Change = AS_IT_IS) -> Layer:
    return Layer(file, memory, (kernel, bias), ("kernel", "bias"))


def _norm(file: str, memory: str) -> Layer:
    return Layer(file, memory, (AS_IT_IS, AS_IT_IS), ("gamma", "beta"))


_ATTENTION = "transformer_encoder{}/_self_attention_layer"
_BLOCK = "transformer_layer_{}/self_attention_layer"
_BLOCKS = {
    "attention/query": _dense(f"{_ATTENTION}/query_dense", f"{_BLOCK}/query", HEADS_OUT, HEADS_BIAS),
    "attention/key": _dense(f"{_ATTENTION}/key_dense", f"{_BLOCK}/key", HEADS_OUT, HEADS_BIAS),
    "attention/value": _dense(f"{_ATTENTION}/value_dense", f"{_BLOCK}/value", HEADS_OUT, HEADS_BIAS),
    "attention/output": _dense(f"{_ATTENTION}/output_dense", f"{_BLOCK}/attention_output", HEADS_IN),
    "attention_norm": _norm(f"{_ATTENTION}_norm", f"{_BLOCK}_norm"),
    **{
        ours: make(f"transformer_encoder{{}}/_{layer}", f"transformer_layer_{{}}/{layer}")
        for ours, make, layer in (
            ("intermediate", _dense, "feedforward_intermediate_dense"),
            ("output", _dense, "feedforward_output_dense"),
            ("output_norm", _norm, "feedforward_layer_norm"),
        )
    },
}
_NORM = {"embeddings/norm": _norm("layer_normalization", "embeddings_layer_norm")}


def _tables(memory: str) -> Mapping[str, Layer]:
    """The tables of the families that keep both in one layer, which has this name in a model."""
    file = "token_and_position_embedding"
    return {
        "embeddings/word_embeddings": Layer(f"{file}/token_embedding", f"{memory}/token_embedding/embeddings"),
        "embeddings/position_embeddings": Layer(
            f"{file}/position_embedding", f"{memory}/position_embedding/embeddings"
        ),
    }


_MLM = {
    "mlm/dense": _dense("masked_lm_head/_intermediate_dense", "mlm_head/intermediate_dense"),
    "mlm/norm": _norm("masked_lm_head/_intermediate_layer_norm", "mlm_head/intermediate_layer_norm"),
    "mlm/bias": Layer("masked_lm_head", "mlm_head/output_bias"),
}
_OWN_HIDDEN = {
    "classifier/hidden": _dense("dense", "pooled_dense"),
    "classifier/dense": _dense("dense_1", "logits"),
}


@dataclass(frozen=True)
class Family:
    """What KerasHub calls a family, and the constants in its classes.

    Attributes:
        said: the beginning of its classes' names.
        folder: the folder of its source, and the beginning of its layers' names.
        activation: of the blocks, in the words of config.json.
        epsilon: of every LayerNorm of the encoder.
        layers: our layer of the encoder -> KerasHub's.
        classifier: our layer of the classifier's head -> KerasHub's.
        token_types: how many rows its table of token types may have.
        shifted: whether the position table lacks the rows of padding, and token types are left out. In Hugging Face's
            layout RoBERTa has both.
    """

    said: str
    folder: str
    activation: str
    epsilon: float
    layers: Mapping[str, Layer]
    classifier: Mapping[str, Layer]
    token_types: Container[int]
    shifted: bool = False

    def layers_of(self, task: str) -> Mapping[str, Layer]:
        """The layers of a task's head."""
        return {"text-classification": self.classifier, "fill-mask": _MLM}.get(task, {})


FAMILIES = {
    "bert": Family(
        said="Bert",
        folder="bert",
        activation="gelu_new",
        epsilon=1e-12,
        layers={
            "embeddings/word_embeddings": Layer("reversible_embedding", "token_embedding/embeddings"),
            "embeddings/position_embeddings": Layer("position_embedding", "position_embedding/embeddings"),
            "embeddings/token_type_embeddings": Layer("embedding", "segment_embedding/embeddings"),
            "pooler/dense": _dense("dense", "pooled_dense"),
        }
        | _NORM,
        classifier={"classifier/dense": _dense("dense", "logits")},
        token_types=range(1, 1000),
    ),
    "roberta": Family(
        said="Roberta",
        folder="roberta",
        activation="gelu",
        epsilon=1e-5,
        layers={**_tables("embeddings"), **_NORM},
        classifier=_OWN_HIDDEN,
        token_types=(1,),
        shifted=True,
    ),
    "distilbert": Family(
        said="DistilBert",
        folder="distil_bert",
        activation="gelu",
        epsilon=1e-12,
        layers={**_tables("token_and_position_embedding"), **_NORM},
        classifier=_OWN_HIDDEN,
        token_types=(0,),
    ),
}
"""Our name of a family -> KerasHub's classes."""

MLM_ACTIVATION, MLM_EPSILON = "gelu", 1e-5
"""What the head of masked words computes with, in every family."""

TASKS = {"text-classification": "TextClassifier", "fill-mask": "MaskedLM", "sentence-embedding": "TextEmbedder"}
"""Our task -> the end of KerasHub's class."""
OLD_TASKS = {"Classifier": "text-classification"}
"""The end of a class in keras_nlp -> our task."""

POSITIONS, TOKEN_TYPES = (f"embeddings.{each}_embeddings.weight" for each in ("position", "token_type"))
OWN = "kerasbert"
"""Where a preset that kerasbert wrote keeps what KerasHub has no place for: a group of tensors in `MODEL` under our
names, and a section of `METADATA`."""
METADATA = "metadata.json"

KEYS = {
    "vocabulary_size": "vocab_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "hidden_dim": "hidden_size",
    "intermediate_dim": "intermediate_size",
    "max_sequence_length": "max_position_embeddings",
}
"""Key of a backbone's configuration -> field of `BertConfig`."""


@dataclass(frozen=True)
class Place:
    """A tensor: its name in a `Checkpoint`, in KerasHub's files and in a model in memory, and its layout there."""

    name: str
    file: str
    memory: str
    change: Change


def encoder_places(family: str, blocks: int) -> Iterator[Place]:
    """The tensors of an encoder."""
    yield from _places(family, FAMILIES[family].layers)
    for number in range(blocks):
        ending = f"_{number}" if number else ""
        for ours, layer in _BLOCKS.items():
            named = Layer(layer.file.format(ending), layer.memory.format(number), layer.changes, layer.leaves)
            yield from _places(family, {f"block_{number}/{ours}": named})


def head_places(family: str, task: str) -> Iterator[Place]:
    """The tensors of a task's head."""
    yield from _places(family, FAMILIES[family].layers_of(task))


def _places(family: str, layers: Mapping[str, Layer]) -> Iterator[Place]:
    for ours, layer in layers.items():
        for number, (leaf, change) in enumerate(zip(layer.leaves, layer.changes, strict=True)):
            path, memory = (f"{each}/{leaf}".rstrip("/") for each in (ours, layer.memory))
            name, _ = tensor_name(family, path, prefix=False)
            yield Place(name, f"layers/{layer.file}/vars/{number}", memory, change)
