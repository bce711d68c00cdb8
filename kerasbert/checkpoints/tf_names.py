"""The names of BERT's tensors in TensorFlow: google-research/bert's (TF1) and those of the Model Garden, as tables.

A row names a layer, or a single weight, by our path, as in `names.py`; `{}` is the block's number. The weights of a
layer have Keras's names in every table: kernel, bias, gamma, beta. Kernels are stored (inputs, outputs); the Model
Garden's attention has an axis for the heads. One weight of ours may have a name in several tables.
"""

import re

from kerasbert.checkpoints.names import tensor_name
from kerasbert.checkpoints.stored import AS_IT_IS, HEADS_BIAS, HEADS_IN, HEADS_OUT, TRANSPOSED, Change

TF1_LAYERS = {
    "embeddings/norm": "bert/embeddings/LayerNorm",
    "block_{}/attention/query": "bert/encoder/layer_{}/attention/self/query",
    "block_{}/attention/key": "bert/encoder/layer_{}/attention/self/key",
    "block_{}/attention/value": "bert/encoder/layer_{}/attention/self/value",
    "block_{}/attention/output": "bert/encoder/layer_{}/attention/output/dense",
    "block_{}/attention_norm": "bert/encoder/layer_{}/attention/output/LayerNorm",
    "block_{}/intermediate": "bert/encoder/layer_{}/intermediate/dense",
    "block_{}/output": "bert/encoder/layer_{}/output/dense",
    "block_{}/output_norm": "bert/encoder/layer_{}/output/LayerNorm",
    "pooler/dense": "bert/pooler/dense",
    "mlm/dense": "cls/predictions/transform/dense",
    "mlm/norm": "cls/predictions/transform/LayerNorm",
}
# Heads made by hand: their matrices are (outputs, inputs).
TF1_WEIGHTS = {
    "embeddings/word_embeddings": "bert/embeddings/word_embeddings",
    "embeddings/position_embeddings": "bert/embeddings/position_embeddings",
    "embeddings/token_type_embeddings": "bert/embeddings/token_type_embeddings",
    "mlm/bias": "cls/predictions/output_bias",
    "nsp/dense/kernel": "cls/seq_relationship/output_weights",
    "nsp/dense/bias": "cls/seq_relationship/output_bias",
    "classifier/dense/kernel": "output_weights",
    "classifier/dense/bias": "output_bias",
    "qa_outputs/kernel": "cls/squad/output_weights",
    "qa_outputs/bias": "cls/squad/output_bias",
}

_GARDEN_BLOCK = {
    "block_{}/attention/query": "self_attention/query",
    "block_{}/attention/key": "self_attention/key",
    "block_{}/attention/value": "self_attention/value",
    "block_{}/attention_norm": "self_attention_layer_norm",
    "block_{}/intermediate": "intermediate",
    "block_{}/output": "output",
    "block_{}/output_norm": "output_layer_norm",
}
GARDEN_LAYERS = {
    "embeddings/norm": "embeddings/layer_norm",
    **{layer: f"transformer/layer_{{}}/{name}" for layer, name in _GARDEN_BLOCK.items()},
    "block_{}/attention/output": "transformer/layer_{}/self_attention/attention_output",
    "pooler/dense": "pooler_transform",
    "nsp/dense": "predictions/transform/logits",
}
GARDEN_WEIGHTS = {
    "embeddings/word_embeddings": "word_embeddings/embeddings",
    "embeddings/position_embeddings": "position_embedding/embeddings",
    "embeddings/token_type_embeddings": "type_embeddings/embeddings",
    "mlm/bias": "cls/predictions/output_bias/bias",
}
# Of TensorFlow 2.0 and 2.1.
OLD_GARDEN_LAYERS = {
    "embeddings/norm": "bert_model/embedding_postprocessor/layer_norm",
    **{layer: f"bert_model/encoder/layer_{{}}/{name}" for layer, name in _GARDEN_BLOCK.items()},
    "block_{}/attention/output": "bert_model/encoder/layer_{}/self_attention_output",
    "pooler/dense": "bert_model/pooler_transform",
}
OLD_GARDEN_WEIGHTS = {
    "embeddings/word_embeddings": "bert_model/word_embeddings/embeddings",
    "embeddings/position_embeddings": "bert_model/embedding_postprocessor/position_embeddings",
    "embeddings/token_type_embeddings": "bert_model/embedding_postprocessor/type_embeddings",
}
# The attributes of the Model Garden's objects, for checkpoints that are saved by object (`model_garden.plain_names`).
OBJECT_LAYERS = {
    "embeddings/norm": "_embedding_norm_layer",
    "block_{}/attention/query": "_transformer_layers/{}/_attention_layer/_query_dense",
    "block_{}/attention/key": "_transformer_layers/{}/_attention_layer/_key_dense",
    "block_{}/attention/value": "_transformer_layers/{}/_attention_layer/_value_dense",
    "block_{}/attention/output": "_transformer_layers/{}/_attention_layer/_output_dense",
    "block_{}/attention_norm": "_transformer_layers/{}/_attention_layer_norm",
    "block_{}/intermediate": "_transformer_layers/{}/_intermediate_dense",
    "block_{}/output": "_transformer_layers/{}/_output_dense",
    "block_{}/output_norm": "_transformer_layers/{}/_output_layer_norm",
    "pooler/dense": "_pooler_layer",
    "mlm/dense": "masked_lm/dense",
    "mlm/norm": "masked_lm/layer_norm",
}
OLD_OBJECT_LAYERS = {
    "block_{}/attention/output": "_transformer_layers/{}/_attention_output_dense",
    "pooler/dense": "next_sentence.pooler_dense",
}
OBJECT_WEIGHTS = {
    "embeddings/word_embeddings": "_embedding_layer/embeddings",
    "embeddings/position_embeddings": "_position_embedding_layer/embeddings",
    "embeddings/token_type_embeddings": "_type_embedding_layer/embeddings",
    "mlm/bias": "masked_lm/bias",
}
OLD_OBJECT_WEIGHTS = {"embeddings/position_embeddings": "_position_embedding_layer/_position_embeddings"}

TIED_COPY = {"masked_lm/embedding_table": ("cls.predictions.decoder.weight", AS_IT_IS)}

_PROJECTIONS = tuple(f"block_{{}}/attention/{name}" for name in ("query", "key", "value"))
_IN_HEADS = {
    **dict.fromkeys((f"{layer}/kernel" for layer in _PROJECTIONS), HEADS_OUT),
    **dict.fromkeys((f"{layer}/bias" for layer in _PROJECTIONS), HEADS_BIAS),
    "block_{}/attention/output/kernel": HEADS_IN,
}
"""Our weight -> how it differs in the Model Garden, where that is more than in TF1."""

Row = tuple[str, Change]
"""A name, and how the file's tensor differs from Hugging Face's."""


def _rows(layers: dict[str, str], weights: dict[str, str], changes=()) -> dict[str, Row]:
    """Name in the file -> Hugging Face's name and the difference."""
    changes, rows = dict(changes), {}
    for path, name in weights.items():
        rows[name] = (tensor_name("bert", path, prefix=False)[0], AS_IT_IS)
    for layer, name in layers.items():
        for leaf in ("gamma", "beta") if layer.endswith("norm") else ("kernel", "bias"):
            path = f"{layer}/{leaf}"
            canonical, transposed = tensor_name("bert", path, prefix=False)
            rows[f"{name}/{leaf}"] = (canonical, changes.get(path, TRANSPOSED if transposed else AS_IT_IS))
    return rows


TF1 = _rows(TF1_LAYERS, TF1_WEIGHTS)
GARDEN = {
    **_rows(GARDEN_LAYERS, GARDEN_WEIGHTS, _IN_HEADS),
    **_rows(OLD_GARDEN_LAYERS, OLD_GARDEN_WEIGHTS, _IN_HEADS),
    **_rows(OBJECT_LAYERS, OBJECT_WEIGHTS, _IN_HEADS),
    **_rows(OLD_OBJECT_LAYERS, OLD_OBJECT_WEIGHTS, _IN_HEADS),
    **TIED_COPY,
}
"""Name in the file, with `{}` for the block's number -> Hugging Face's name, and how the tensors differ."""
_WRITTEN = {canonical: (name, change) for name, (canonical, change) in TF1.items()}

_FILE_BLOCK = re.compile(r"(?<=/layer_)\d+(?=/)|(?<=_transformer_layers/)\d+(?=/)")
_BLOCK = re.compile(r"(?<=^encoder\.layer\.)\d+(?=\.)")


def hugging_face_name(name: str) -> Row | None:
    """Hugging Face's name of a tensor that TF1 or the Model Garden wrote; None for an unknown one."""
    found = _FILE_BLOCK.search(name)
    pattern = _FILE_BLOCK.sub("{}", name).removeprefix("bert/" if name.startswith("bert/cls/") else "")
    row = TF1.get(pattern) or GARDEN.get(pattern)
    return row and (row[0].format(found and int(found[0])), row[1])


def tf1_name(canonical: str) -> Row | None:
    """google-research/bert's name of a tensor by Hugging Face's; None for one that it does not have."""
    found = _BLOCK.search(canonical)
    row = _WRITTEN.get(_BLOCK.sub("{}", canonical))
    return row and (row[0].format(found and found[0]), row[1])
