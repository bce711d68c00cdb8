"""Paraphrases of MRPC: fine-tunes here, beside transformers (`pairs_transformers.py`), and compares the figures.

    python tests/bench/pairs.py data --data MRPC --out RESULTS
    python tests/bench/pairs.py train --model MINILM --out RESULTS --seed 0
    python tests/bench/pairs.py table --out RESULTS

`data` reads MRPC's two files and writes RESULTS/train.jsonl and RESULTS/test.jsonl; the training file also in two
parts, fit.jsonl and dev.jsonl (one pair in ten), on which a recipe was chosen: `--train fit --test dev`. `train` writes
RESULTS/TEST/model_SEED, and RESULTS/TEST/ours_SEED.json with the answer to each test pair and the CPU seconds of
fine-tuning, from reading the file to the saved folder. `table` scores these files and transformers'
RESULTS/TEST/peer_SEED.json: accuracy, and F1 of the pairs that are paraphrases.
"""

import argparse
import json
import logging
import statistics
import time
from pathlib import Path

from kerasbert.examples.readers import read_examples
from kerasbert.tasks import task_named

FILES = {"train": "msr_paraphrase_train.txt", "test": "msr_paraphrase_test.txt"}
TASK = task_named("text-classification")
RECIPE = {"epochs": 4, "batch_size": 32, "learning_rate": 1e-4, "warmup": 0.1, "weight_decay": 0.01, "max_length": 128}
SAME = "1"
"""The label of paraphrases."""


def data(given) -> None:
    """Writes the pairs as JSON lines."""
    given.out.mkdir(parents=True, exist_ok=True)
    for part, name in FILES.items():
        # Quotation marks are part of the texts, so this is no CSV.
        lines = (given.data / name).read_text(encoding="utf-8-sig").splitlines()[1:]
        columns = [line.split("\t") for line in lines]
        pairs = [{"text": each[3], "text_pair": each[4], "label": each[0]} for each in columns]
        parts = {part: pairs}
        if part == "train":
            parts |= {"dev": pairs[::10], "fit": [each for i, each in enumerate(pairs) if i % 10]}
        for each, chosen in parts.items():
            lines = (json.dumps(pair, ensure_ascii=False) + "\n" for pair in chosen)
            (given.out / f"{each}.jsonl").write_text("".join(lines), encoding="utf-8")


def train(given) -> None:
    """Fine-tunes with one seed."""
    from kerasbert.models.opening import open_model
    from kerasbert.runs.finetune import finetune

    folder = given.out / given.test
    folder.mkdir(exist_ok=True)
    cpu, wall = time.process_time(), time.perf_counter()
    source, model = given.out / f"{given.train}.jsonl", folder / f"model_{given.seed}"
    changes = {name: value for name, value in vars(given).items() if name in RECIPE and value is not None}
    finetune(TASK.name, source, model, checkpoint=given.model, seed=given.seed, **{**RECIPE, **changes})
    cost = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    test = read_examples(given.out / f"{given.test}.jsonl", TASK)
    answers = [each["label"] for each in open_model(model).answers(test)]
    (folder / f"ours_{given.seed}.json").write_text(json.dumps({"cost": cost, "answers": answers}), encoding="utf-8")


def scores(answers: list[str], right: list[str]) -> tuple[float, float]:
    """Accuracy, and F1 of the label `SAME`."""
    found = [answer == SAME for answer in answers]
    true = [label == SAME for label in right]
    both = sum(a and b for a, b in zip(found, true, strict=True))
    return sum(map(str.__eq__, answers, right)) / len(right), 2 * both / (sum(found) + sum(true))


def table(given) -> None:
    """Prints one row per seed and the means."""
    right = [each.truth for each in read_examples(given.out / f"{given.test}.jsonl", TASK)]
    print("| | accuracy | F1 | CPU s |\n|---|---|---|---|")
    print(_line(f"always {SAME}", (*scores([SAME] * len(right), right), 0)))
    for who, name in (("transformers", "peer"), ("kerasbert", "ours")):
        rows = []
        for path in sorted((given.out / given.test).glob(f"{name}_*.json")):
            found = json.loads(path.read_text(encoding="utf-8"))
            rows.append((*scores(found["answers"], right), found["cost"]["cpu"]))
            print(_line(f"{who}, seed {path.stem.split('_')[1]}", rows[-1]))
        if rows:
            print(_line(f"{who}, mean", [statistics.mean(column) for column in zip(*rows, strict=True)]))


def _line(name: str, row) -> str:
    return f"| {name} | {100 * row[0]:.2f} | {100 * row[1]:.2f} | {row[2]:.0f} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["data", "train", "table"])
    parser.add_argument("--model", help="Folder of all-MiniLM-L6-v2, for train.")
    parser.add_argument("--data", type=Path, help="Folder that holds the files of MRPC, for data.")
    parser.add_argument("--out", type=Path, required=True, help="Folder of results.")
    parser.add_argument("--train", default="train", choices=["train", "fit"], help="Pairs to learn from.")
    parser.add_argument("--test", default="test", choices=["test", "dev"], help="Pairs to answer.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, help=f"Default: {RECIPE['epochs']}.")
    parser.add_argument("--rate", dest="learning_rate", type=float, help=f"Default: {RECIPE['learning_rate']}.")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    given = parser.parse_args()
    {"data": data, "train": train, "table": table}[given.step](given)


if __name__ == "__main__":
    main()
