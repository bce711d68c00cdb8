"""The time of one training step of a classifier: Keras's own step and ours in turns, and the median of each.

python tests/bench/step.py --steps 40
"""

import statistics
import time

import click
import keras
import numpy as np
import tensorflow as tf

from kerasbert import BertConfig, BertEncoder, TextClassifier
from kerasbert.training.optimizers import adamw

MINILM = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}


@click.command()
@click.option("--steps", default=40, show_default=True, help="Steps of each.")
@click.option("--rows", default=16, show_default=True, help="Rows in a batch.")
@click.option("--length", default=64, show_default=True, help="Tokens in a row.")
def main(steps: int, rows: int, length: int) -> None:
    ids = np.random.default_rng(0).integers(5, 30000, (rows, length)).astype("int32")
    batch = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    data = tf.data.Dataset.from_tensors((batch, np.arange(rows) % 2)).repeat()
    functions, iterators = {}, {}
    for name in ("Keras's step", "ours"):
        model = TextClassifier(BertEncoder(BertConfig(**MINILM), pooler=True), labels=["a", "b"])
        if name != "ours":
            model = keras.Model(model.input, model.output)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(adamw(learning_rate=1e-5), loss=loss, metrics=[keras.metrics.SparseCategoricalAccuracy()])
        model.fit(data, steps_per_epoch=2, verbose=0)
        functions[name], iterators[name] = model.train_function, iter(data)
    times = {name: [] for name in functions}
    for _ in range(steps):
        for name, function in functions.items():
            wall, cpu = time.perf_counter(), time.process_time()
            float(function(iterators[name])["loss"])
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    for name, found in times.items():
        wall, cpu = (1000 * statistics.median(values) for values in zip(*found, strict=True))
        print(f"{name:<14}{wall:8.1f} ms{cpu:10.1f} CPU-ms")


if __name__ == "__main__":
    main()
