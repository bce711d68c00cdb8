"""The time of a token that a file writes: a step early in a text, a late one, and whole texts, greedy and by beams.

    python tests/bench/steps.py --threads 1

The model is random, with 3 and 3 blocks of 128 and 4,000 words as usual, and the source has 32 tokens. Rounds go over
all files in turn, and the table has medians, in milliseconds. Memory is what the process gains by opening a file and
writing one text, in MB.
"""

import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import click
import numpy as np

from kerasbert import BertConfig, BertEncoder, Seq2Seq
from kerasbert.export.formats.onnx.file import write_onnx
from kerasbert.export.formats.settings import Settings, signature_lengths
from kerasbert.export.formats.tflite.file import write_tflite
from kerasbert.export.variants import VARIANTS, parts_of
from kerasbert.runtime.engines import open_runs
from kerasbert.runtime.manifest import File, Part
from kerasbert.tasks.generating import CachedSteps

FILES = ("tflite", "tflite-int8", "tflite-float16", "onnx", "onnx-int8", "onnx-float16")
WRITERS = {"tflite": write_tflite, "onnx": write_onnx}
EARLY, LATE, BEAMS = 4, 40, 4


def resident() -> float:
    """Memory of this process now, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6


def small(words: int, width: int, blocks: int) -> Seq2Seq:
    config = BertConfig(
        vocab_size=words,
        hidden_size=width,
        num_hidden_layers=blocks,
        num_attention_heads=max(1, width // 32),
        intermediate_size=4 * width,
        max_position_embeddings=128,
    )
    encoder = BertEncoder(config, pooler=False)
    return Seq2Seq(encoder, max_length=128, max_new_tokens=128, decoder_start_token_id=2, eos_token_id=3)


def described(folder: Path, model, name: str) -> File:
    """Writes a file, unless it is there, as a bundle would describe it."""
    variant, graphs = VARIANTS[name], [graph.name for graph in model.graphs()]
    parts = parts_of(variant.kind, variant.path, graphs)
    if not all((folder / path).exists() for path in parts):
        (folder / variant.path).parent.mkdir(exist_ok=True)
        settings = Settings(lengths=signature_lengths(None, model.max_length))
        WRITERS[variant.kind](model, {folder / variant.path: variant.quantize}, settings)
    described = tuple(Part.describe(folder, *part) for part in parts.items())
    return File(kind=variant.kind, precision=variant.precision, parts=described)


def written(runs: dict, ids: np.ndarray, rows: int, tokens: int, words: int) -> list[float]:
    """The seconds of the encoder, and of each step of a text of random tokens, in that many rows."""
    batch = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    start = time.perf_counter()
    memory = np.asarray(runs["encoder"](batch)["memory"])
    seconds, random = [time.perf_counter() - start], np.random.default_rng(0)
    steps = CachedSteps(runs["decoder_step"], batch["attention_mask"], memory)
    for place in range(tokens):
        given = random.integers(5, words, rows)
        start = time.perf_counter()
        steps(given, np.zeros(rows, int) if not place else np.arange(rows))
        seconds.append(time.perf_counter() - start)
    return seconds


@click.command()
@click.option("--rounds", default=7, show_default=True, help="Texts of each file.")
@click.option("--source", default=32, show_default=True, help="Tokens of the source.")
@click.option("--threads", default=1, show_default=True, help="Threads of a file.")
@click.option("--words", default=4000, show_default=True, help="Words of the vocabulary.")
@click.option("--width", default=128, show_default=True, help="Size of the vectors.")
@click.option("--blocks", default=3, show_default=True, help="Blocks of the encoder, and of the decoder.")
@click.option("--file", "files", multiple=True, default=FILES, show_default=True, help="Files to measure. Repeatable.")
@click.option("--folder", type=click.Path(path_type=Path), help="Keeps the files here.  [default: nowhere]")
def main(rounds, source, threads, words, width, blocks, files, folder) -> None:
    model = small(words, width, blocks)
    with tempfile.TemporaryDirectory() as scratch:
        place = folder or Path(scratch)
        place.mkdir(exist_ok=True)
        known = {name: described(place, model, name) for name in files}
        ids = np.random.default_rng(1).integers(5, words, (1, source)).astype("int32")
        opened, memory, seconds = {}, {}, defaultdict(list)
        for name, file in known.items():
            before = resident()
            opened[name] = open_runs(place, file, model.graphs(), threads=threads)
            written(opened[name], ids, 1, LATE, words)
            memory[name] = resident() - before
        for _ in range(rounds):
            for name, runs in opened.items():
                seconds[name].append(written(runs, ids, 1, LATE, words))
                seconds[name, BEAMS].append(written(runs, ids, BEAMS, LATE, words))
    print(f"{'file':<16}{'MB':>7}{'memory':>9}{'encoder':>9}{'step 4':>9}{'step 40':>9}{'late/early':>12}", end="")
    print(f"{'per token':>11}{f'{BEAMS} beams':>9}")
    for name, file in known.items():
        early, late = (1e3 * statistics.median(min(s[at - 1 : at + 2]) for s in seconds[name]) for at in (EARLY, LATE))
        encoder = 1e3 * statistics.median(s[0] for s in seconds[name])
        greedy, beams = (
            1e3 * statistics.median(statistics.median(s[1:]) for s in seconds[key]) for key in (name, (name, BEAMS))
        )
        print(f"{name:<16}{file.bytes / 1e6:>7.1f}{memory[name]:>9.0f}{encoder:>9.2f}{early:>9.2f}{late:>9.2f}", end="")
        print(f"{late / early:>12.2f}{greedy:>11.2f}{beams:>9.2f}")


if __name__ == "__main__":
    main()
