"""What exporting a random BERT costs, format by format.

    python tests/bench/export_base.py [--size base] [--length 128] [--float32]

Prints seconds and CPU-seconds of writing each file and of the parity gate, and what of each TFLite graph runs outside
the delegate. The vocabulary has 30,522 pieces, of which real texts use a quarter.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kerasbert import BertConfig, BertEncoder, TextClassifier
from kerasbert.config import SIZES
from kerasbert.export import bundle
from kerasbert.export.bundle import export_bundle
from kerasbert.export.formats.tflite.graph import read_graph
from kerasbert.export.variants import WRITERS
from kerasbert.presets import default_checkpoint
from kerasbert.tokenizers import WordPieceTokenizer

PIECES = 30_522


def vocabulary() -> list[str]:
    """The pieces of the encoder that comes with the package, and made-up words up to the size of BERT's vocabulary."""
    pieces = (default_checkpoint() / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    return [*pieces, *(f"[unused{number}]" for number in range(PIECES - len(pieces)))]


def random_classifier(size: str, length: int) -> TextClassifier:
    tokenizer = WordPieceTokenizer(vocabulary())
    encoder = BertEncoder(BertConfig(vocab_size=PIECES, **SIZES[size]), tokenizer=tokenizer)
    return TextClassifier(encoder, labels=["negative", "positive"], max_length=length)


def gigabytes(who: int) -> float:
    """The most memory that a process had so far."""
    return resource.getrusage(who).ru_maxrss * 1024 / 1e9


class Clock:
    """Seconds and CPU-seconds of the steps, each under its name, and the most memory until its end in GB."""

    def __init__(self):
        self.rows = {}
        self.step = None

    def start(self, name: str | None) -> None:
        """The step before ends where this one starts."""
        now = time.perf_counter(), time.process_time()
        if self.step is not None:
            name_before, then = self.step
            spent = (b - a for a, b in zip(then, now, strict=True))
            self.rows[name_before] = (*spent, gigabytes(resource.RUSAGE_SELF))
        self.step = name, now


def timed(clock: Clock, write: Callable) -> Callable:
    """A writer that is called for one file after the other, so that each has its time (and TFLite saves twice)."""

    def write_one_by_one(model, targets, settings):
        for path, quantize in targets.items():
            clock.start(f"writing {path.name}")
            write(model, {path: quantize}, settings)

    return write_one_by_one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="base")
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--float32", action="store_true", help="without the files of 8 bits")
    options = parser.parse_args()
    model = random_classifier(options.size, options.length)
    print(f"{options.size}, {model.count_params():,} parameters, length {options.length}")

    clock = Clock()
    writer = bundle.writer
    bundle.writer = lambda kind: timed(clock, writer(kind))
    with tempfile.TemporaryDirectory() as folder:
        changes = {"formats": ("tflite", "onnx", "saved_model"), "quantize": "none"} if options.float32 else {}
        rows = export_bundle(model, Path(folder) / "bundle", progress=clock.start, **changes)
        clock.start(None)
        graphs = {row.path: read_graph(Path(folder) / "bundle" / row.path) for row in rows if "tflite" in row.format}

    steps = {name: times for name, times in clock.rows.items() if name not in {f"writing {f}" for f in WRITERS}}
    gate = [times for name, times in steps.items() if name.startswith("checking")]
    for name, some in (("the whole gate", gate), ("all", clock.rows.values())):
        walls, cpus, most = zip(*some, strict=True)
        steps[name] = sum(walls), sum(cpus), max(most)
    print(f"{'step':<38} {'seconds':>8} {'CPU':>8} {'GB so far':>10}")
    for name, (wall, cpu, most) in steps.items():
        print(f"{name:<38} {wall:>8.1f} {cpu:>8.1f} {most:>10.1f}")
    print(f"most memory of a process that it started: {gigabytes(resource.RUSAGE_CHILDREN):.1f} GB")
    for row in rows:
        print(
            f"{row.path}: {row.megabytes:.1f} MB, differs by {row.max_difference:.1e}, {row.milliseconds:.1f} ms a text"
        )
    for path, graph in graphs.items():
        outside = ", ".join(f"{count} {name}" for name, count in graph["nodes_outside"].items())
        print(
            f"{path}: {sum(graph['operations'].values())} nodes, {graph['partitions']} partition(s); outside: {outside}"
        )


if __name__ == "__main__":
    main()
