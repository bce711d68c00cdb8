"""What writing a random BERT as `.onnx` costs, and how fast the files are beside others.

    python tests/bench/onnx_files.py [--size base] [--length 128] [--rounds 15] [--beside other.onnx ...]

Prints seconds, CPU-seconds and the growth of memory of a conversion to each precision and of one to all three, the
sizes, and the milliseconds of one text on one thread: all files in turn, round by round, the median and the least.
`--beside` takes files of other makers with the same inputs, such as transformers' model through torch.onnx.export and
onnxruntime.quantization.quantize_dynamic(per_channel=True, weight_type=QInt8).
"""

import argparse
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import onnxruntime

from kerasbert import BertConfig, BertEncoder, TextClassifier
from kerasbert.config import SIZES
from kerasbert.export.formats.onnx.file import write_onnx

PRECISIONS = ("none", "float16", "int8")


class Cost:
    """Seconds, CPU-seconds and the most memory (MB, beyond what there was) of a block."""

    def __enter__(self):
        self.before, self.most = resident(), 0.0
        self.over = threading.Event()
        self.watch = threading.Thread(target=self._watch, daemon=True)
        self.start = time.perf_counter(), time.process_time()
        self.watch.start()
        return self

    def _watch(self):
        while not self.over.wait(0.01):
            self.most = max(self.most, resident() - self.before)

    def __exit__(self, *error):
        self.seconds, self.cpu = time.perf_counter() - self.start[0], time.process_time() - self.start[1]
        self.over.set()
        self.watch.join()


def resident() -> float:
    """MB of this process in memory (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def open_file(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def milliseconds(paths: list[Path], length: int, rounds: int) -> list[tuple[float, float]]:
    """Median and least of each file; CPU time, so that others on the machine count less."""
    ids = np.random.default_rng(0).integers(1000, 30_000, (1, length))
    inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    sessions = [open_file(path) for path in paths]
    times = [[] for _ in paths]
    for _ in range(rounds + 1):
        for session, found in zip(sessions, times, strict=True):
            start = time.process_time()
            session.run(None, inputs)
            found.append(1000 * (time.process_time() - start))
    return [(float(np.median(found[1:])), min(found[1:])) for found in times]  # the first warms up


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="base")
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--beside", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    model = TextClassifier(BertEncoder(BertConfig(**SIZES[options.size])), labels=["bad", "good"])
    print(f"{options.size}, {model.count_params():,} parameters; one text of {options.length} tokens, one thread")

    with tempfile.TemporaryDirectory() as folder:
        files = {quantize: Path(folder) / f"{quantize}.onnx" for quantize in PRECISIONS}
        print(f"{'writing':<40} {'seconds':>8} {'CPU':>8} {'MB more':>8}")
        for chosen in (*([quantize] for quantize in PRECISIONS), PRECISIONS):
            with Cost() as cost:
                write_onnx(model, {files[quantize]: quantize for quantize in chosen})
            print(f"{', '.join(chosen):<40} {cost.seconds:>8.1f} {cost.cpu:>8.1f} {cost.most:>8.0f}")
        paths = [*files.values(), *options.beside]
        found = milliseconds(paths, options.length, options.rounds)
        print(f"{'file':<40} {'MB':>8} {'of none':>8} {'ms':>8} {'of none':>8} {'least':>8} {'of none':>8}")
        for path, (ms, least) in zip(paths, found, strict=True):
            size = path.stat().st_size
            share = size / files["none"].stat().st_size
            print(
                f"{path.stem:<40} {size / 1e6:>8.1f} {share:>8.3f} {ms:>8.1f} {ms / found[0][0]:>8.3f} "
                f"{least:>8.1f} {least / found[0][1]:>8.3f}"
            )


if __name__ == "__main__":
    main()
