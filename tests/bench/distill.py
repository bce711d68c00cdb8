"""A student of few blocks with its teacher and without, on sentiment or on entities.

    python tests/bench/distill.py --model MINILM --data SENTIMENT --out RESULTS [--teacher FOLDER] [--count 500]
    python tests/bench/distill.py --task token-classification --model MINILM --data WNUT17 --out RESULTS

SENTIMENT holds train.csv and dev.csv, WNUT17 wnut17train.conll and emerging.dev.conll. The teacher is fine-tuned from
MINILM once, into RESULTS/teacher-TASK, unless --teacher names one. The students:

- teacher: blocks of the teacher, which learn its soft labels and the labels (`kerasbert distill`);
- blocks: the same blocks, which learn the labels alone (`--alpha 0`);
- alone: the same blocks of MINILM, which learn the labels (`kerasbert finetune`);
- package: the encoder in the package with the teacher's soft labels, where it need not share the tokenizer.

Each is a folder in RESULTS, and one that has ended is not made again. --count takes the first examples only. The table
has the figure on the held-out file, that figure as a share of the teacher's, and CPU seconds.
"""

import argparse
import json
import time
from pathlib import Path

from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.examples.readers import read_examples
from kerasbert.models.opening import open_model
from kerasbert.models.students import student_of
from kerasbert.runs.distill import distill
from kerasbert.runs.finetune import finetune
from kerasbert.tasks import task_named

FILES = {
    "text-classification": ("train.csv", "dev.csv"),
    "token-classification": ("wnut17train.conll", "emerging.dev.conll"),
}
SETTINGS = {"text-classification": {"pooling": "mean"}, "token-classification": {}}


def students(given, teacher: Path, train: list) -> dict:
    """Name of a way -> a function that trains its student into a folder."""
    recipe = {"epochs": given.epochs, "learning_rate": given.rate, "seed": given.seed, "batch_size": 32}
    soft = {**recipe, "temperature": given.temperature, "soft_labels": given.out / "soft-labels"}
    places = tuple(map(int, given.layers.split(",")))
    layers = places if len(places) > 1 else places[0]
    start = student_of(open_checkpoint(given.model), layers)
    plain = {**recipe, "checkpoint": start, "max_length": 64, "settings": SETTINGS[given.task]}
    found = {
        "teacher": lambda folder: distill(teacher, train, folder, layers=layers, alpha=given.alpha, **soft),
        "blocks": lambda folder: distill(teacher, train, folder, layers=layers, alpha=0.0, **soft),
        "alone": lambda folder: finetune(given.task, train, folder, **plain),
    }
    if given.task == "text-classification":
        package = open_checkpoint(None)
        found["package"] = lambda folder: distill(teacher, train, folder, checkpoint=package, alpha=given.alpha, **soft)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--model", "--data", "--out"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--task", choices=list(FILES), default="text-classification")
    parser.add_argument("--ways", nargs="*")
    parser.add_argument("--count", type=int)
    parser.add_argument("--layers", default="2", help="a number of blocks, or their places such as 0,1")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--alpha", type=float, default=0.5)
    parser.add_argument("--temperature", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    task = task_named(given.task)
    train, dev = (read_examples(given.data / name, task)[: given.count] for name in FILES[given.task])
    teacher = given.teacher or given.out / f"teacher-{given.task}"
    if not (teacher / "config.json").exists():
        settings = SETTINGS[given.task]
        finetune(
            given.task, train, teacher, checkpoint=given.model, epochs=2, learning_rate=1e-4, max_length=64,
            settings=settings,
        )  # fmt: skip

    def measured(folder: Path) -> float:
        model = open_model(folder)
        return task.figures(list(model.answered(dev)), model.settings)[task.headline]

    of_teacher = measured(teacher)
    print(f"| student | {task.headline} on dev | of the teacher's | CPU s |\n|---|---|---|---|")
    print(f"| the teacher itself | {of_teacher:.4f} | | |")
    for way, learn in students(given, teacher, train).items():
        if given.ways and way not in given.ways:
            continue
        folder, cpu = given.out / f"{given.task}-{way}-{given.layers}-{given.epochs}-{given.seed}", time.process_time()
        if not (folder / "config.json").exists():
            learn(folder)
            (folder / "cpu.json").write_text(json.dumps(time.process_time() - cpu), encoding="utf-8")
        figure, spent = measured(folder), json.loads((folder / "cpu.json").read_text(encoding="utf-8"))
        print(f"| {way} | {figure:.4f} | {figure / of_teacher:.1%} | {spent:.0f} |", flush=True)


if __name__ == "__main__":
    main()
