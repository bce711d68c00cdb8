"""Questions and the sentences that answer them, QAMR: trains sentence embeddings here, beside sentence-transformers.

    python tests/bench/embeddings.py data --data QA --out RESULTS
    python tests/bench/embeddings.py base --model MINILM --out RESULTS
    python tests/bench/embeddings.py train --model MINILM --out RESULTS --seed 0
    python tests/bench/embeddings.py table --out RESULTS

`data` reads QAMR's two files (SQuAD's JSON) and writes RESULTS/train.jsonl and RESULTS/dev.jsonl, with a question
(`anchor`) and its sentence (`positive`) per line; `--count` takes that many of each, drawn by a fixed seed. `base` and
`train` write RESULTS/base.npz and RESULTS/ours_SEED.npz: the vectors of the questions and of the distinct sentences of
dev, and the CPU seconds of training. sentence-transformers writes RESULTS/peer_SEED.npz (`embeddings_peer.py`). `table`
scores all of these files alike: each question of dev among all sentences of dev.
"""

import argparse
import json
import logging
import random
import time
from pathlib import Path

import numpy as np

from kerasbert.tasks.figures.similarities import places_of_right, retrieval

FILES = {"train": "qamr_train.json", "dev": "qamr_dev.json"}
RECIPE = {"epochs": 1, "batch_size": 64, "learning_rate": 5e-5, "warmup": 0.1, "weight_decay": 0.01, "max_length": 128}


def data(given) -> None:
    """Writes the pairs as JSON lines."""
    given.out.mkdir(parents=True, exist_ok=True)
    for part, name in FILES.items():
        content = json.loads((given.data / name).read_text(encoding="utf-8"))
        paragraphs = [paragraph for article in content["data"] for paragraph in article["paragraphs"]]
        pairs = [
            {"anchor": asked["question"], "positive": paragraph["context"]}
            for paragraph in paragraphs
            for asked in paragraph["qas"]
        ]
        random.Random(0).shuffle(pairs)
        lines = (json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs[: given.count])
        (given.out / f"{part}.jsonl").write_text("".join(lines), encoding="utf-8")


def pairs_of(path: Path) -> list[tuple[str, str]]:
    """The questions with their sentences."""
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [(row["anchor"], row["positive"]) for row in rows]


def write_vectors(model, given, name: str, **cost: float) -> None:
    """Writes the vectors of dev's questions and distinct sentences."""
    pairs = pairs_of(given.out / "dev.jsonl")
    sides = {"questions": [question for question, _ in pairs], "sentences": list(dict.fromkeys(s for _, s in pairs))}
    vectors = {side: model.encode(texts, batch_size=64) for side, texts in sides.items()}
    np.savez(given.out / f"{name}.npz", **vectors, **cost)


def base(given) -> None:
    """The model as it is."""
    from kerasbert import SentenceEncoder

    write_vectors(SentenceEncoder.from_pretrained(given.model, max_length=RECIPE["max_length"]), given, "base")


def train(given) -> None:
    """Trains with one seed."""
    from kerasbert.models.opening import open_model
    from kerasbert.runs.finetune import finetune

    cpu, wall = time.process_time(), time.perf_counter()
    folder = given.out / f"model_{given.seed}"
    recipe = {**RECIPE, "seed": given.seed, "resume": True}
    finetune("sentence-embedding", given.out / "train.jsonl", folder, checkpoint=given.model, **recipe)
    cost = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    write_vectors(open_model(folder), given, f"ours_{given.seed}", **cost)


def scores(pairs: list[tuple[str, str]], vectors) -> dict[str, float]:
    """Recall and mean reciprocal rank. Other sentences that answer the same question are left out of its ranking."""
    numbers = {sentence: number for number, sentence in enumerate(dict.fromkeys(s for _, s in pairs))}
    right: dict[str, list[int]] = {}
    for question, sentence in pairs:
        right.setdefault(question, []).append(numbers[sentence])
    every = [[numbers[s], *(n for n in right[q] if n != numbers[s])] for q, s in pairs]
    return retrieval(places_of_right(vectors["questions"], vectors["sentences"], every))


def table(given) -> None:
    """Prints one row per file."""
    pairs = pairs_of(given.out / "dev.jsonl")
    print(f"{len(pairs)} questions, {len({sentence for _, sentence in pairs})} sentences\n")
    print("| | recall@1 | recall@5 | recall@10 | MRR | CPU s |\n|---|---|---|---|---|---|")
    for path in sorted(given.out.glob("*.npz")):
        vectors = np.load(path)
        cells = [f"{100 * value:.2f}" for value in scores(pairs, vectors).values()]
        cpu = f"{float(vectors['cpu']):.0f}" if "cpu" in vectors else ""
        print(f"| {path.stem} | {' | '.join(cells)} | {cpu} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = {each.__name__: each for each in (data, base, train, table)}
    parser.add_argument("step", choices=steps)
    parser.add_argument("--data", type=Path, help="Folder of QAMR's files.")
    parser.add_argument("--model", help="Folder of all-MiniLM-L6-v2.")
    parser.add_argument("--out", type=Path, required=True, help="Folder of results.")
    parser.add_argument("--count", type=int, help="Number of pairs of each file.  [default: all]")
    parser.add_argument("--seed", type=int, default=0)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    given = parser.parse_args()
    steps[given.step](given)


if __name__ == "__main__":
    main()
