"""Intents of Banking77 from few labelled texts: contrastive pairs first, beside plain fine-tuning on the same texts.

    python tests/bench/few_labels.py train --way pairs --data INTENT --model MINILM --out RESULTS --seed 0
    python tests/bench/few_labels.py train --way plain --data INTENT --model MINILM --out RESULTS --seed 0
    python tests/bench/few_labels.py table --out RESULTS

A seed draws `--count` texts of each label from the training file, and as many others as dev (`--dev`); it is also the
seed of the run. `train` writes RESULTS/WAY_SEED, and RESULTS/WAY_SEED.json with the figures on dev and on the test file
and the CPU seconds of the run. Plain fine-tuning makes 30 passes, because a pass over few texts is short. It reads the
first token, as it does unless it is told otherwise, or the mean, as the pairs do (`--way plain-mean`). `table` prints
one row per run, and the mean of each way.
"""

import argparse
import json
import logging
import random
import statistics
import time
from collections import defaultdict
from pathlib import Path

from kerasbert.examples.readers import read_examples
from kerasbert.tasks import task_named
from kerasbert.tasks.task import Example

TASK = task_named("text-classification")
COLUMNS = {"label": "category"}
PLAIN = {"epochs": 30, "batch_size": 16, "learning_rate": 1e-4}
WAYS = {
    "pairs": {"few_shot": 4, "epochs": 1, "batch_size": 64, "learning_rate": 1e-4},
    "plain": PLAIN,
    "plain-mean": {**PLAIN, "settings": {"pooling": "mean"}},
}
FIGURES = ("dev_accuracy", "dev_macro_f1", "test_accuracy", "test_macro_f1")


def chosen(examples: list[Example], count: int, seed: int) -> tuple[list[Example], list[Example]]:
    """The texts to learn from and those of dev: `count` of each label for either."""
    by_label = defaultdict(list)
    for example in examples:
        by_label[example.truth].append(example)
    draw, parts = random.Random(seed), ([], [])
    for label in sorted(by_label):
        mine = draw.sample(by_label[label], min(2 * count, len(by_label[label])))
        parts[0].extend(mine[:count])
        parts[1].extend(mine[count:])
    return parts


def train(given) -> None:
    """Learns in one way with one seed."""
    from kerasbert.models.opening import open_model
    from kerasbert.runs.finetune import finetune

    every, test = (read_examples(given.data / f"{part}.csv", TASK, columns=COLUMNS) for part in ("train", "test"))
    learned, dev = chosen(every, given.count, given.seed)
    given.out.mkdir(parents=True, exist_ok=True)
    folder = given.out / f"{given.way}_{given.seed}"
    cpu, wall = time.process_time(), time.perf_counter()
    recipe = {**WAYS[given.way], "max_length": 64, "seed": given.seed, "resume": True}
    recipe |= {} if given.epochs is None else {"epochs": given.epochs}
    finetune(TASK.name, learned, folder, checkpoint=given.model, **recipe)
    found = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    model = open_model(folder)
    for name, part in (("dev", dev), ("test", test)):
        figures = TASK.figures(list(model.answered(part)), model.settings)
        found |= {f"{name}_{figure}": value for figure, value in figures.items()}
    folder.with_suffix(".json").write_text(json.dumps(found), encoding="utf-8")


def table(given) -> None:
    """Prints one row per run, and the means."""
    print("| | dev accuracy | dev macro F1 | test accuracy | test macro F1 | CPU s |\n|---|---|---|---|---|---|")
    for way in WAYS:
        runs = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in given.out.glob(f"{way}_*.json")}
        if len(runs) > 1:
            runs[f"{way}, mean"] = {
                name: statistics.mean(run[name] for run in runs.values()) for name in (*FIGURES, "cpu")
            }
        for name, run in runs.items():
            print(f"| {name} | {' | '.join(f'{100 * run[each]:.2f}' for each in FIGURES)} | {run['cpu']:.0f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["train", "table"])
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--data", type=Path, help="Folder of Banking77's train.csv and test.csv.")
    parser.add_argument("--model", help="Folder of all-MiniLM-L6-v2.")
    parser.add_argument("--out", type=Path, required=True, help="Folder of results.")
    parser.add_argument("--count", type=int, default=16, help="Texts of each label.")
    parser.add_argument("--epochs", type=int, help="Passes, in place of those of the way.")
    parser.add_argument("--seed", type=int, default=0)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    given = parser.parse_args()
    {"train": train, "table": table}[given.step](given)


if __name__ == "__main__":
    main()
