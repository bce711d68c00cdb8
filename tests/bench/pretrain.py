"""Tokens a CPU-second of pre-training, ours beside KerasHub's and transformers', interleaved in one run:

    python tests/bench/pretrain.py --size tiny mini --rounds 3

Masked words only, 32 rows of 128 tokens, 20 of them masked, a vocabulary of 8,000, AdamW, no dropout, one thread. Each
contender is a process of its own in every precision and mode it has; one that is not installed is left out. KerasHub's
head gets the masked positions; transformers' BertForMaskedLM has no such head, so it gets labels of -100 elsewhere, and
its best other way: BertModel, a gather, then its own head.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

ROWS, LENGTH, MASKED, VOCABULARY = 32, 128, 20, 8000
SIZES = {"tiny": (2, 128, 2), "mini": (4, 256, 4), "small": (4, 512, 8)}
WARMUP, SECONDS = 3, 8.0
SETTINGS = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "OMP_NUM_THREADS": "1",
    "TF_ENABLE_ONEDNN_OPTS": "1",
}  # KerasHub gets oneDNN too


def batch() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    positions = np.sort(rng.permuted(np.tile(np.arange(LENGTH), (ROWS, 1)), axis=1)[:, :MASKED], axis=1)
    ids = rng.integers(5, VOCABULARY, (ROWS, LENGTH))
    return {
        "input_ids": ids.astype("int32"),
        "attention_mask": np.ones((ROWS, LENGTH), "int32"),
        "token_type_ids": np.zeros((ROWS, LENGTH), "int32"),
        "mlm_positions": positions.astype("int32"),
        "mlm_ids": np.take_along_axis(ids, positions, axis=1).astype("int32"),
        "mlm_weights": np.ones((ROWS, MASKED), "float32"),
    }


def one_thread():
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return tf


def kerasbert_step(size: str, precision: str, xla: bool) -> Callable:
    tf = one_thread()
    import kerasbert as kb
    from kerasbert.training.optimizers import adamw

    shape = {"vocab_size": VOCABULARY, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    encoder = kb.BertEncoder(kb.BertConfig.from_size(size, **shape), pooler=False, dtype=precision)
    model = kb.PretrainingModel(encoder, dtype=precision)
    model.compile(adamw(learning_rate=1e-4), jit_compile=xla)
    model.optimizer.build(model.trainable_variables)
    model.make_train_function()
    rows = iter(tf.data.Dataset.from_tensors(batch()).repeat())
    return lambda: model.train_function(rows)["loss"].numpy()


def keras_hub_step(size: str, precision: str, xla: bool) -> Callable:
    tf = one_thread()
    import keras
    import keras_hub

    layers, width, heads = SIZES[size]
    keras.config.set_dtype_policy(precision)
    backbone = keras_hub.models.BertBackbone(
        VOCABULARY, layers, heads, width, 4 * width, dropout=0.0, max_sequence_length=LENGTH
    )
    model = keras_hub.models.BertMaskedLM(backbone, preprocessor=None)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(1e-4), loss=loss, weighted_metrics=[], jit_compile=xla)
    x = batch()
    inputs = {
        "token_ids": x["input_ids"],
        "padding_mask": x["attention_mask"],
        "segment_ids": x["token_type_ids"],
        "mask_positions": x["mlm_positions"],
    }
    model.train_on_batch(inputs, x["mlm_ids"], x["mlm_weights"])
    model.make_train_function()
    rows = iter(tf.data.Dataset.from_tensors((inputs, x["mlm_ids"], x["mlm_weights"])).repeat())
    return lambda: model.train_function(rows)["loss"].numpy()


def transformers_step(size: str, precision: str, compiled: bool, gathered: bool) -> Callable:
    import torch
    import transformers

    torch.set_num_threads(1)
    layers, width, heads = SIZES[size]
    config = transformers.BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        max_position_embeddings=LENGTH,
    )
    model = transformers.BertForMaskedLM(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=True)
    x = {name: torch.from_numpy(np.asarray(value, dtype="int64")) for name, value in batch().items()}
    labels = torch.full((ROWS, LENGTH), -100).scatter_(1, x["mlm_positions"], x["mlm_ids"])
    rows = torch.arange(ROWS)[:, None]

    def loss_of():
        inputs = {name: x[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
        if not gathered:
            return model(**inputs, labels=labels).loss
        hidden = model.bert(**inputs).last_hidden_state[rows, x["mlm_positions"]]
        return torch.nn.functional.cross_entropy(model.cls(hidden).flatten(0, 1), x["mlm_ids"].flatten())

    forward = torch.compile(loss_of) if compiled else loss_of

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=precision != "float32"):
            loss = forward()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return step


CONTENDERS = {
    f"{maker.__name__.removesuffix('_step')} {precision.removeprefix('mixed_')}{suffix}": (maker, precision, *flags)
    for precision in ("float32", "mixed_bfloat16")
    for maker, suffix, flags in (
        (kerasbert_step, "", (False,)),
        (kerasbert_step, " xla", (True,)),
        (keras_hub_step, "", (False,)),
        (keras_hub_step, " xla", (True,)),
        (transformers_step, "", (False, False)),
        (transformers_step, " gathered", (False, True)),
        (transformers_step, " gathered compiled", (True, True)),
    )
}


def measure(name: str, size: str) -> float:
    """Tokens a CPU-second of a contender, in this process."""
    maker, *flags = CONTENDERS[name]
    step = maker(size, *flags)
    for _ in range(WARMUP):
        assert np.isfinite(step())
    steps, started = 0, time.process_time()
    while time.process_time() - started < SECONDS:
        step()
        steps += 1
    return steps * ROWS * LENGTH / (time.process_time() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", nargs="+", choices=SIZES, default=["tiny", "mini"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="contenders whose names hold this")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.size[0])))
        return
    for size in arguments.size:
        found: dict[str, list[float]] = {name: [] for name in CONTENDERS if arguments.only in name}
        for _ in range(arguments.rounds):
            for name in list(found):
                command = [sys.executable, __file__, "--measure", name, "--size", size]
                environment = {**os.environ, **SETTINGS}
                done = subprocess.run(command, capture_output=True, text=True, env=environment)
                if done.returncode:
                    print(f"{name}: left out ({done.stderr.strip().splitlines()[-1]:.120})")
                    del found[name]
                else:
                    found[name].append(json.loads(done.stdout.splitlines()[-1]))
                    print(f"{size} {name}: {found[name][-1]:,.0f}", file=sys.stderr)
        print(f"\n{size:<42} {'tokens/CPU-s':>14} {'least':>9} {'most':>9}")
        for name, rates in sorted(found.items(), key=lambda item: -statistics.median(item[1])):
            print(f"{name:<42} {statistics.median(rates):14,.0f} {min(rates):9,.0f} {max(rates):9,.0f}")


if __name__ == "__main__":
    main()
