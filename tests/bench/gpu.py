"""Training speed on one GPU: kerasbert on JAX, and transformers under torch.compile beside it.

    python tests/bench/gpu.py                                  # BERT-base, rows of 512 tokens
    python tests/bench/gpu.py --transformers OTHER/bin/python  # OTHER has torch and transformers

A step reads packed rows without padding, about eight instances in each, and learns 15 % of the words: forward,
backward and AdamW, products in bfloat16 on weights in float32, no dropout, shapes that never change. Each contender is
measured in a process of its own, and needs nothing of the others; ours needs no TensorFlow. transformers gets the same
rows, and its head the masked words only.

| column | content |
|---|---|
| tokens/s | tokens of the rows, median over the rounds |
| share | operations per second of the step's matrix products, as a share of the largest peak |
| peak | TFLOP/s of products of two large matrices in bfloat16, measured in the same process |
| memory | the most that was in use on the device, in GB; on a CPU, by the process |
| attention | the kernel, and in how many of the blocks |

On a CPU the figures only show that the bench works.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

SIZES = {"tiny": (2, 128, 2), "small": (4, 512, 8), "base": (12, 768, 12), "large": (24, 1024, 16)}
"""Blocks, hidden size and heads."""
PRODUCTS = 8  # of matrices, one after the other


class Shape(NamedTuple):
    """What is trained: a size of the model, and the batch."""

    size: str
    vocabulary: int
    rows: int
    length: int

    @property
    def learned(self) -> int:
        """Words of a row that are learned."""
        return round(0.15 * self.length)

    @property
    def slots(self) -> int:
        """Places for them: the kernels like multiples of eight."""
        return -(-self.learned // 8) * 8

    @property
    def config(self) -> dict:
        """The keys of config.json."""
        blocks, hidden, heads = SIZES[self.size]
        return {
            "vocab_size": self.vocabulary,
            "hidden_size": hidden,
            "num_hidden_layers": blocks,
            "num_attention_heads": heads,
            "intermediate_size": 4 * hidden,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        }


class Run(NamedTuple):
    """What a contender hands over to be measured."""

    epoch: Callable[[int], float]
    """A number of steps -> seconds, when the device is done with them."""
    product: Callable[[int], float]
    """The size of a matrix -> seconds of `PRODUCTS` products."""
    memory: Callable[[], int]
    facts: dict


def packed_batch(shape: Shape) -> dict[str, np.ndarray]:
    """A batch as `kerasbert.corpus.batches.PretrainingData` makes it: rows full of instances, with no padding."""
    rng, (rows, length, slots) = np.random.default_rng(0), (shape.rows, shape.length, shape.slots)
    starts = rng.random((rows, length)) < 8 / length  # about eight instances in a row
    starts[:, 0] = True
    instance_ids = np.cumsum(starts, axis=1)
    first = np.maximum.accumulate(np.where(starts, np.arange(length), 0), axis=1)
    positions = np.sort(rng.permuted(np.tile(np.arange(length), (rows, 1)), axis=1)[:, :slots], axis=1)
    ids = rng.integers(5, shape.vocabulary, (rows, length))
    batch = {
        "input_ids": ids,
        "attention_mask": np.ones_like(ids),
        "token_type_ids": np.zeros_like(ids),
        "instance_ids": instance_ids,
        "position_ids": np.arange(length) - first,
        "mlm_positions": positions,
        "mlm_ids": np.take_along_axis(ids, positions, axis=1),
    }
    weights = np.tile(np.arange(slots) < shape.learned, (rows, 1))
    return {name: values.astype("int32") for name, values in batch.items()} | {"mlm_weights": weights.astype("float32")}


def operations(shape: Shape, queries: int) -> int:
    """Floating-point operations of the matrix products of a training step: three times those of its forward pass.

    Args:
        queries: positions of each row whose vectors the last block computes.
    """
    blocks, d, _ = SIZES[shape.size]
    per_query = 4 * d * d + 16 * d * d + 4 * shape.length * d  # query and output; feed-forward; scores and context
    keys = shape.length * 4 * d * d  # keys and values
    block, last = shape.length * per_query + keys, queries * per_query + keys
    head = shape.slots * (2 * d * d + 2 * d * shape.vocabulary)
    return 3 * shape.rows * ((blocks - 1) * block + last + head)


def process_memory() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def kerasbert_model(shape: Shape):
    import kerasbert as kb
    from kerasbert.training.optimizers import adamw

    model = kb.PretrainingModel(
        kb.BertEncoder(kb.BertConfig(**shape.config), pooler=False, dtype="mixed_bfloat16"), dtype="mixed_bfloat16"
    )
    model.compile(adamw(learning_rate=1e-4))
    return model


def fused_blocks(model, batch: dict, platform: str | None = None) -> int:
    """In how many blocks the forward pass calls cuDNN's attention, by the program that JAX makes for a platform."""
    import jax

    values = [
        [variable.value for variable in kind] for kind in (model.trainable_variables, model.non_trainable_variables)
    ]
    traced = jax.jit(lambda *state: model.stateless_call(*state, batch, training=True)[0]).trace(*values)
    program = traced.lower(lowering_platforms=(platform or jax.default_backend(),)).as_text()
    return program.count("custom_call @__cudnn$fmha")


def kerasbert_run(shape: Shape, fused: bool) -> Run:
    import jax
    import keras

    import kerasbert

    (keras.config.enable_flash_attention if fused else keras.config.disable_flash_attention)()
    model, batch, device = kerasbert_model(shape), packed_batch(shape), jax.devices()[0]

    def batches():
        while True:
            yield (batch,)

    def epoch(steps: int) -> float:
        started = time.perf_counter()
        history = model.fit(batches(), steps_per_epoch=steps, shuffle=False, verbose=0).history
        assert np.isfinite(history["loss"][0])  # a float, so the device is done
        return time.perf_counter() - started

    @jax.jit
    def products(a, b):
        return jax.lax.fori_loop(0, PRODUCTS, lambda _, x: x @ b, a)

    def product(size: int) -> float:
        a, b = (jax.random.normal(jax.random.key(i), (size, size), "bfloat16") * size**-0.5 for i in range(2))
        products(a, b).block_until_ready()
        started = time.perf_counter()
        products(a, b).block_until_ready()
        return time.perf_counter() - started

    def memory() -> int:
        return (device.memory_stats() or {}).get("peak_bytes_in_use") or process_memory()

    count = fused_blocks(model, batch)
    facts = {
        "device": device.device_kind,
        "versions": f"kerasbert {kerasbert.__version__}, keras {keras.__version__}, jax {jax.__version__}",
        "attention": f"cuDNN in {count} of {SIZES[shape.size][0]}" if count else "XLA",
        "operations": operations(shape, shape.slots),
    }
    return Run(epoch, product, memory, facts)


def transformers_run(shape: Shape) -> Run:
    import torch
    import transformers

    gpu = torch.cuda.is_available()
    place = "cuda" if gpu else "cpu"
    config = transformers.BertConfig(**shape.config, attn_implementation="sdpa")
    model = transformers.BertForMaskedLM(config).to(place).train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=True)
    x = {name: torch.from_numpy(values.astype("int64")).to(place) for name, values in packed_batch(shape).items()}
    same = (x["instance_ids"][:, None, :, None] == x["instance_ids"][:, None, None, :]).contiguous()  # (B, 1, T, T)
    rows, weights = torch.arange(shape.rows, device=place)[:, None], x["mlm_weights"].float().flatten()

    @torch.compile
    def loss_of():
        inputs = {name: x[name] for name in ("input_ids", "token_type_ids", "position_ids")}
        hidden = model.bert(**inputs, attention_mask=same).last_hidden_state[rows, x["mlm_positions"]]
        losses = torch.nn.functional.cross_entropy(
            model.cls(hidden).flatten(0, 1).float(), x["mlm_ids"].flatten(), reduction="none"
        )
        return (losses * weights).sum() / weights.sum()

    def epoch(steps: int) -> float:
        started = time.perf_counter()
        for _ in range(steps):
            with torch.autocast(place, torch.bfloat16):
                loss = loss_of()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        assert np.isfinite(loss.item())
        return time.perf_counter() - started

    def product(size: int) -> float:
        a, b = (torch.randn(size, size, device=place).mul(size**-0.5).bfloat16() for _ in range(2))
        for _ in range(2):  # the first is to warm up
            started = time.perf_counter()
            for _ in range(PRODUCTS):
                a = a @ b
            float(a[0, 0])
        return time.perf_counter() - started

    facts = {
        "device": torch.cuda.get_device_name() if gpu else "cpu",
        "versions": f"transformers {transformers.__version__}, torch {torch.__version__}",
        "attention": "SDPA",
        "operations": operations(shape, shape.length),
    }
    return Run(epoch, product, torch.cuda.max_memory_allocated if gpu else process_memory, facts)


CONTENDERS = {
    "kerasbert": lambda shape: kerasbert_run(shape, fused=True),
    "kerasbert, attention not fused": lambda shape: kerasbert_run(shape, fused=False),
    "transformers, compiled": transformers_run,
}


def measure(name: str, shape: Shape, steps: int, rounds: int, matrix: int) -> dict:
    """Figures of a contender, in this process."""
    run = CONTENDERS[name](shape)
    run.epoch(2)  # compiles
    seconds = statistics.median(run.epoch(steps) for _ in range(rounds)) / steps
    memory = run.memory()  # before the matrices
    peak = 2 * matrix**3 * PRODUCTS / min(run.product(matrix) for _ in range(3))
    rate = shape.rows * shape.length / seconds
    return {**run.facts, "tokens/s": rate, "rate": run.facts["operations"] / seconds, "peak": peak, "memory": memory}


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="base")
    parser.add_argument("--vocabulary", type=int, default=30522)
    parser.add_argument("--rows", type=int, default=64, help="rows of a batch")
    parser.add_argument("--length", type=int, default=512, help="tokens of a row, 512 at most")
    parser.add_argument("--steps", type=int, default=20, help="steps of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--matrix", type=int, default=8192, help="rows and columns of the matrices for the peak")
    parser.add_argument("--contender", choices=CONTENDERS, action="append", help="measure this one only; repeatable")
    parser.add_argument("--transformers", metavar="PYTHON", help="interpreter that has torch and transformers")
    parser.add_argument("--measure", choices=CONTENDERS, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = parsed()
    shape = Shape(options.size, options.vocabulary, options.rows, options.length)
    if options.measure:
        print(json.dumps(measure(options.measure, shape, options.steps, options.rounds, options.matrix)))
        return
    found = {}
    for name in options.contender or CONTENDERS:
        python = options.transformers if name.startswith("transformers") else sys.executable
        if python is None:
            continue
        command = [python, __file__, "--measure", name, *sys.argv[1:]]
        # A package of the checkout is found without being installed.
        environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            print(f"{name}: left out ({(done.stderr.strip().splitlines() or ['it was killed'])[-1]:.120})")
        else:
            found[name] = json.loads(done.stdout.splitlines()[-1])
    best = max((figures["peak"] for figures in found.values()), default=0)
    print(f"BERT-{shape.size}, {shape.rows} packed rows of {shape.length} tokens, bfloat16")
    for line in sorted({f"{figures['device']}: {figures['versions']}" for figures in found.values()}):
        print(line)
    print(f"\n{'':<32}{'tokens/s':>12}{'share':>8}{'peak':>10}{'memory':>9}  attention")
    for name, figures in found.items():
        share, peak, memory = figures["rate"] / best, figures["peak"] / 1e12, figures["memory"] / 1e9
        print(
            f"{name:<32}{figures['tokens/s']:>12,.0f}{share:>8.1%}{peak:>10.3f}{memory:>9.2f}  {figures['attention']}"
        )


if __name__ == "__main__":
    main()
