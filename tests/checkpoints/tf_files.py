"""Checkpoints of TensorFlow with random numbers, as google-research/bert and the Model Garden save them."""

import json
import re
from pathlib import Path

import numpy as np
from checkpoints.head_classes import PIECES

SIZES = {"V": 105, "P": 64, "T": 2, "H": 32, "I": 64, "C": 3}
CONFIG = {
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 32,
    "initializer_range": 0.02,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "type_vocab_size": 2,
    "vocab_size": 105,
}
"""The keys of uncased_L-12_H-768_A-12/bert_config.json."""
EMBEDDINGS = """
bert/embeddings/word_embeddings V H
bert/embeddings/token_type_embeddings T H
bert/embeddings/position_embeddings P H
bert/embeddings/LayerNorm/gamma H
bert/embeddings/LayerNorm/beta H
"""
BLOCK = """
attention/self/query/kernel H H
attention/self/query/bias H
attention/self/key/kernel H H
attention/self/key/bias H
attention/self/value/kernel H H
attention/self/value/bias H
attention/output/dense/kernel H H
attention/output/dense/bias H
attention/output/LayerNorm/beta H
attention/output/LayerNorm/gamma H
intermediate/dense/kernel H I
intermediate/dense/bias I
output/dense/kernel I H
output/dense/bias H
output/LayerNorm/beta H
output/LayerNorm/gamma H
"""
POOLER = """
bert/pooler/dense/kernel H H
bert/pooler/dense/bias H
"""
PRETRAINING = """
cls/predictions/transform/dense/kernel H H
cls/predictions/transform/dense/bias H
cls/predictions/transform/LayerNorm/beta H
cls/predictions/transform/LayerNorm/gamma H
cls/predictions/output_bias V
cls/seq_relationship/output_weights T H
cls/seq_relationship/output_bias T
"""
CLASSIFIER = """
output_weights C H
output_bias C
"""
SQUAD = """
cls/squad/output_weights T H
cls/squad/output_bias T
"""


def tensors(heads: str = PRETRAINING, *, layers: int = 2) -> dict[str, np.ndarray]:
    """Variables of google-research/bert's modeling.py and run_*.py by name, with random numbers."""
    draw = np.random.default_rng(0)
    blocks = "\n".join(f"bert/encoder/layer_{i}/{line}" for i in range(layers) for line in BLOCK.strip().splitlines())
    rows = [line.split() for line in (EMBEDDINGS + blocks + POOLER + heads).split("\n") if line]
    return {name: draw.normal(0, 0.2, [SIZES[size] for size in shape]).astype("float32") for name, *shape in rows}


def with_adam(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """With what a training run of google-research/bert saves beside the weights."""
    slots = {f"{name}/adam_{slot}": np.ones_like(x) for name, x in weights.items() for slot in "mv"}
    return {**weights, **slots, "global_step": np.int64(1000)}


def save(
    folder: Path, weights: dict[str, np.ndarray], *, name="bert_model.ckpt", config=CONFIG, shards: int = 1
) -> Path:
    """Writes a folder of google-research/bert. More than one shard: a shard for each of `shards` devices."""
    import tensorflow as tf

    folder.mkdir(parents=True, exist_ok=True)
    with tf.Graph().as_default():
        variables = []
        for index, (variable, value) in enumerate(weights.items()):
            with tf.device(f"/cpu:{index % shards}"):
                variables.append(tf.compat.v1.get_variable(variable, initializer=value, use_resource=False))
        saver = tf.compat.v1.train.Saver(variables, sharded=shards > 1)
        devices = tf.compat.v1.ConfigProto(device_count={"CPU": shards})
        with tf.compat.v1.Session(config=devices) as session:
            session.run(tf.compat.v1.global_variables_initializer())
            saver.save(session, str(folder / name), write_meta_graph=False)
    (folder / "checkpoint").unlink()  # the released folders have none
    if config is not None:
        (folder / "bert_config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "vocab.txt").write_text("\n".join(PIECES), encoding="utf-8")
    return folder


RULES = {
    "^bert/": "",
    "^output_": "classifier/output_",
    "^cls/squad": "qa_outputs",
    r"/layer_(\d+)/": r"/layer/\1/",
    "(kernel|gamma|output_weights)$": "weight",
    "(beta|output_bias)$": "bias",
    "_embeddings$": "_embeddings/weight",
    "/": ".",
}
"""What transformers' load_tf_weights_in_bert does to a name, for the classes with these heads."""


def transformers_name(name: str) -> tuple[str, bool]:
    """The tensor of transformers that a variable becomes, and whether it is transposed."""
    transposed = name.endswith("/kernel")
    for old, new in RULES.items():
        name = re.sub(old, new, name)
    return name, transposed
