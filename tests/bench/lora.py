"""Sentiment: fine-tunes every weight, or LoRA alone, with the same data and epochs, and compares the figures.

    python tests/bench/lora.py train --model MINILM --data SENTIMENT --out RESULTS --lora 8 --seed 0
    python tests/bench/lora.py table --out RESULTS

SENTIMENT is a folder with train.csv, dev.csv and test.csv. `train` writes RESULTS/WAY_RATE_EPOCHS_SEED and, when it has
ended, RESULTS/WAY_RATE_EPOCHS_SEED.json: accuracy on dev.csv and on test.csv, CPU seconds of fine-tuning from reading
the file to the saved folder, and the number of parameters that learned. A run that has ended is not made again. `table`
takes for each way the rate and the number of epochs with the best accuracy on dev.csv (seed 0), and prints test.csv's.
"""

import argparse
import json
import logging
import statistics
import time
from collections import defaultdict
from pathlib import Path

from kerasbert.examples.readers import read_examples
from kerasbert.tasks import task_named

TASK = task_named("text-classification")
RECIPE = {"batch_size": 32, "max_length": 64, "settings": {"pooling": "mean"}}
WAYS = ("full", "lora")


def train(given) -> None:
    """Fine-tunes with one rate, one number of epochs and one seed."""
    from kerasbert.models.opening import open_model
    from kerasbert.runs.finetune import finetune

    given.out.mkdir(parents=True, exist_ok=True)
    folder = given.out / f"{WAYS[bool(given.lora)]}_{given.rate:g}_{given.epochs}_{given.seed}"
    result = folder.with_suffix(folder.suffix + ".json")
    if result.exists():
        return
    cpu = time.process_time()
    examples = read_examples(given.data / "train.csv", TASK)[: given.rows]
    finetune(
        TASK.name,
        examples,
        folder,
        checkpoint=given.model,
        learning_rate=given.rate,
        epochs=given.epochs,
        lora=given.lora,
        seed=given.seed,
        **RECIPE,
    )
    found = {"cpu": time.process_time() - cpu}
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    found["parameters"] = report.get("lora", {}).get("trainable parameters", report["figures"]["parameters"])
    model = open_model(folder)
    for part in ("dev", "test"):
        asked = read_examples(given.data / f"{part}.csv", TASK)
        right = [each["label"] == example.truth for each, example in zip(model.answers(asked), asked, strict=True)]
        found[part] = statistics.mean(right)
    result.write_text(json.dumps(found), encoding="utf-8")


def table(given) -> None:
    """Prints the recipes on dev.csv, then one row per seed with the best recipe, and the means."""
    print("| way | rate | epochs | seed | dev | test | CPU s | parameters |\n|---|---|---|---|---|---|---|---|")
    for way in WAYS:
        tried = {recipe: found for recipe, found in _results(given.out, way).items() if "0" in found}
        for (rate, epochs), found in tried.items():
            print(f"| {way} | {rate} | {epochs} | 0 | {100 * found['0']['dev']:.2f} | | {found['0']['cpu']:.0f} | |")
        if not tried:
            continue
        rate, epochs = max(tried, key=lambda recipe: tried[recipe]["0"]["dev"])
        rows = tried[rate, epochs]
        means = {name: statistics.mean(each[name] for each in rows.values()) for name in rows["0"]}
        for seed, row in [*sorted(rows.items()), ("mean", means)]:
            shown = f"{100 * row['dev']:.2f} | {100 * row['test']:.2f} | {row['cpu']:.0f} | {row['parameters']:,.0f}"
            print(f"| {way}, best | {rate} | {epochs} | {seed} | {shown} |")


def _results(out: Path, way: str) -> dict[tuple[str, str], dict[str, dict]]:
    """Rate and epochs -> seed -> what `train` found."""
    found = defaultdict(dict)
    for path in sorted(out.glob(f"{way}_*_*_*.json")):
        _, rate, epochs, seed = path.stem.split("_")
        found[rate, epochs][seed] = json.loads(path.read_text(encoding="utf-8"))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["train", "table"])
    parser.add_argument("--model", help="Folder of all-MiniLM-L6-v2, for train.")
    parser.add_argument("--data", type=Path, help="Folder of train.csv, dev.csv and test.csv, for train.")
    parser.add_argument("--out", type=Path, required=True, help="Folder of results.")
    parser.add_argument("--lora", type=int, help="Rank of LoRA.  [default: every weight learns]")
    parser.add_argument("--rate", type=float, default=1e-4, help="Learning rate at its peak.")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rows", type=int, default=6000, help="Number of training examples, the first of the file.")
    parser.add_argument("--seed", type=int, default=0)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    given = parser.parse_args()
    {"train": train, "table": table}[given.step](given)


if __name__ == "__main__":
    main()
