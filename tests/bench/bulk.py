"""How many texts per CPU-second a bundle's files answer in bulk, beside sentence-transformers.

    python tests/bench/bulk.py --bundle BUNDLE --texts reviews.csv [--peer PYTHON --model FOLDER] [--files onnx ...]

`--bundle` is an export of a sentence encoder, `--texts` a file with a column `text` (`--column` names another one).
`--peer` is a Python with sentence-transformers, `--model` the folder of the same encoder as Hugging Face has it; its
embeddings are also compared with ours. With one thread and with two, every engine waits in a process of its own with
its file open, and they embed all texts in turn, round by round, so that other load on the machine meets all of them.

Prints, for each engine and number of threads, the median of texts per CPU-second, its ratio to sentence-transformers
with as many threads, the median of texts per second, the most memory, and the lowest cosine with sentence-transformers.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

WORKER = r"""
import json, os, resource, sys, time

kind, place, name, threads = sys.argv[1:5]
texts = json.load(open(sys.argv[5], encoding="utf-8"))
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print stays out of the answers
if kind == "peer":
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(int(threads))
    model = SentenceTransformer(place, device="cpu")
    embed = lambda: model.encode(texts, batch_size=32, normalize_embeddings=True)
    model.encode(texts[:100])
else:
    from kerasbert.runtime import load

    model = load(place, file=name, threads=int(threads))
    embed = lambda: model.encode(texts)
    model.encode(texts[:100])
for line in sys.stdin:
    cpu, start = time.process_time(), time.perf_counter()
    found = embed()
    cost = time.process_time() - cpu, time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    vectors = found.tolist() if line.strip() == "vectors" else None
    print(json.dumps({"cost": cost, "memory": memory, "vectors": vectors}), file=answers, flush=True)
"""
"""A process that embeds all texts whenever it is told to, and says what that cost."""


class Engine:
    """One engine in a process of its own; see `WORKER`."""

    def __init__(self, python: str, kind: str, place: Path, name: str, threads: int, texts: Path):
        words = [python, "-c", WORKER, kind, str(place), name, str(threads), str(texts)]
        limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")}
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **limits, "HF_HUB_OFFLINE": "1"},
        )
        self.costs, self.memory = [], 0.0

    def turn(self, *, vectors: bool = False):
        """Embeds all texts once, and keeps what it cost unless the vectors are wanted."""
        print("vectors" if vectors else "cost", file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(self.process.args[3:])}: ended with {self.process.wait()}")
        found = json.loads(line)
        if not vectors:
            self.costs.append(found["cost"])
        self.memory = found["memory"]
        return found["vectors"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def machine() -> str:
    """The processor, the number of cores, and how busy it is."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}
    flags = next((set(line.split()) for line in lines if line.startswith("flags")), set())
    known = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "amx_int8") if flag in flags]
    return f"{', '.join(names)}, {os.cpu_count()} cores, {' '.join(known)}, load {os.getloadavg()[0]:.1f}"


def measure(given, threads: int, texts: Path, count: int) -> None:
    """Prints the rows of the table for a number of threads."""
    engines = {name: Engine(sys.executable, "bundle", given.bundle, name, threads, texts) for name in given.files}
    if given.peer:
        engines["sentence-transformers"] = Engine(given.peer, "peer", given.model, "", threads, texts)
    vectors = {name: engine.turn(vectors=True) for name, engine in engines.items()}
    for _ in range(given.rounds):
        for engine in engines.values():
            engine.turn()
    rates = {
        name: [statistics.median(count / cost[which] for cost in engine.costs) for which in (0, 1)]
        for name, engine in engines.items()
    }
    wanted = vectors.get("sentence-transformers")
    for name, engine in engines.items():
        per_cpu, per_second = rates[name]
        ratio, cosine = "", ""
        if wanted:
            ratio = f"{per_cpu / rates['sentence-transformers'][0]:.2f}"
            pairs = zip(vectors[name], wanted, strict=True)
            cosine = f"{min(sum(a * b for a, b in zip(*pair, strict=True)) for pair in pairs):.4f}"
        print(
            f"{threads:7}  {name:22} {per_cpu:9.0f} {ratio:>6} {per_second:9.0f} {engine.memory:6.0f} {cosine:>8}",
            flush=True,
        )
        engine.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--column", default="text")
    parser.add_argument("--files", nargs="+", default=["onnx", "tflite", "onnx-int8", "tflite-int8"])
    parser.add_argument("--peer", help="a Python with sentence-transformers")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    if bool(given.peer) != bool(given.model):
        parser.error("--peer and --model go together")

    with open(given.texts, encoding="utf-8", newline="") as stream:
        texts = [row[given.column] for row in csv.DictReader(stream)]
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(texts, file)
        file.flush()
        print(f"{len(texts)} texts; {machine()}")
        print("threads  engine                 texts/CPU-s  ratio  texts/s     MB  cosine")
        for threads in given.threads:
            measure(given, threads, Path(file.name), len(texts))


if __name__ == "__main__":
    main()
