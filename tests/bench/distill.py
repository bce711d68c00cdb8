"""A student of few blocks with its teacher and without, on sentiment or on entities.

    python tests/bench/distill.py train --model MINILM --data SENTIMENT --out RESULTS --seed 0
    python tests/bench/distill.py train --task token-classification --model MINILM --data WNUT17 --out RESULTS \
        --seed 0 --unlabelled BTC/*.conll
    python tests/bench/distill.py table --data SENTIMENT --out RESULTS
    python tests/bench/distill.py files --out RESULTS

SENTIMENT holds train.csv, dev.csv and test.csv, WNUT17 wnut17train.conll, emerging.dev.conll and
emerging.test.annotated, BTC the Broad Twitter Corpus, whose tweets are read without their labels. `train` fine-tunes
the teacher from MINILM into RESULTS/TASK/teacher, unless it is there, and students into RESULTS/TASK/WAY-SEED. `--ways`
says which:

- distilled: blocks of the teacher, smaller and with ReLU, which learn its soft labels, the labels, and its answers to
  unlabelled and made texts (`kerasbert distill --unlabelled --augment`);
- plain: the same without unlabelled and made texts;
- labels: the same blocks, which learn the labels alone (`--alpha 0`);
- alone: the same blocks of MINILM, which learn the labels (`kerasbert finetune`);
- package: the encoder in the package, which learns what `distilled` learns; not for entities, whose student has the
  tokenizer of the teacher.

A folder that has ended is not made again. `table` has the figures on both held-out files, each also as a share of
the teacher's, and the CPU seconds of a run, or of its last part if it was stopped. `files` exports the teacher and one
student per way as int8 `.tflite` files, and times them in turn for a text of 32 tokens, on one thread.
"""

import argparse
import json
import logging
import statistics
import time
from pathlib import Path

from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.examples.readers import read_examples, read_unlabelled
from kerasbert.export import ExportOptions, export_bundle
from kerasbert.export.benchmark.measure import in_turn
from kerasbert.models.opening import open_model
from kerasbert.models.starts import blocks_start
from kerasbert.runs.distill import distill
from kerasbert.runs.finetune import finetune
from kerasbert.tasks import task_named

FILES = {
    "text-classification": ("train.csv", "dev.csv", "test.csv"),
    "token-classification": ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated"),
}
TEACHERS = {
    "text-classification": {"epochs": 2, "learning_rate": 1e-4, "settings": {"pooling": "mean"}},
    "token-classification": {"epochs": 5, "learning_rate": 1e-4},
}
BLOCKS = {"intermediate_size": 1280, "hidden_act": "relu"}
"""How the student's blocks differ from the teacher's: two of them take less than a third of the time of six."""
LAYERS = (0, 1)
RECIPES = {
    "text-classification": {"epochs": 3, "learning_rate": 2e-4, "batch_size": 32},
    "token-classification": {"epochs": 4, "learning_rate": 2e-4, "batch_size": 16},
}
AUGMENT = {"text-classification": 2, "token-classification": 1}
LENGTH = 64
TOKENS, ROUNDS, RUNS = 32, 5, 60
WAYS = ("distilled", "plain", "labels", "alone", "package")


def learn(given, way: str, teacher: Path, train: list, folder: Path) -> None:
    """Trains one student."""
    recipe = {**RECIPES[given.task], "seed": given.seed}
    if way == "alone":
        start = blocks_start(open_checkpoint(given.model), LAYERS, **BLOCKS)
        settings = TEACHERS[given.task].get("settings", {})
        recipe |= {"max_length": LENGTH, "settings": settings, "resume": True}
        finetune(given.task, train, folder, checkpoint=start, **recipe)
        return
    if way in ("distilled", "package"):
        recipe["augment"] = AUGMENT[given.task]
        task = task_named(given.task)
        recipe["unlabelled"] = [each for path in given.unlabelled for each in read_unlabelled(path, task)]
    if way == "labels":
        recipe["alpha"] = 0.0
    begins = {"checkpoint": open_checkpoint(None)} if way == "package" else {"layers": LAYERS, **BLOCKS}
    distill(teacher, train, folder, soft_labels=given.out / given.task / "soft-labels", resume=True, **begins, **recipe)


def train(given) -> None:
    """Makes the teacher and the students of a seed."""
    task, out = task_named(given.task), given.out / given.task
    examples = read_examples(given.data / FILES[given.task][0], task)
    teacher = out / "teacher"
    if not (teacher / "config.json").exists():
        finetune(
            given.task,
            examples,
            teacher,
            checkpoint=given.model,
            max_length=LENGTH,
            resume=True,
            **TEACHERS[given.task],
        )
    for way in given.ways:
        folder = out / f"{way}-{given.seed}"
        if (folder / "cpu.json").exists():
            continue
        begun = time.process_time()
        learn(given, way, teacher, examples, folder)
        (folder / "cpu.json").write_text(json.dumps(time.process_time() - begun), encoding="utf-8")


def table(given) -> None:
    """Prints the figures of each way: those of every seed and their mean."""
    task, out = task_named(given.task), given.out / given.task
    held_out = [read_examples(given.data / name, task) for name in FILES[given.task][1:]]

    def measured(folder: Path) -> list[float]:
        model = open_model(folder)
        return [task.figures(list(model.answered(part)), model.settings)[task.headline] for part in held_out]

    teacher = measured(out / "teacher")
    print(
        f"| student | {task.headline} on dev | of the teacher's | on test | of the teacher's | CPU s |\n|---|"
        + "---|" * 5
    )
    print(f"| the teacher | {teacher[0]:.4f} | | {teacher[1]:.4f} | | |")
    for way in WAYS:
        rows = {}
        for folder in sorted(out.glob(f"{way}-*")):
            if (folder / "cpu.json").exists():
                rows[folder.name] = [*measured(folder), json.loads((folder / "cpu.json").read_text(encoding="utf-8"))]
        if len(rows) > 1:
            rows[f"{way}, mean"] = [statistics.mean(values) for values in zip(*rows.values(), strict=True)]
        for name, (dev, test, cpu) in rows.items():
            shares = f"{dev:.4f} | {dev / teacher[0]:.1%} | {test:.4f} | {test / teacher[1]:.1%}"
            print(f"| {name} | {shares} | {cpu:.0f} |", flush=True)


def files(given) -> None:
    """Prints the median milliseconds of the int8 files, and the parameters of the blocks."""
    out, bundles, blocks = given.out / given.task, {}, {}
    for name in ("teacher", *(f"{way}-0" for way in WAYS)):
        if not (out / name / "config.json").exists():
            continue
        bundles[name], model = out / "files" / name, open_model(out / name)
        blocks[name] = sum(block.count_params() for block in model.encoder.blocks)
        if not bundles[name].exists():
            export_bundle(model, bundles[name], ExportOptions(formats="tflite", quantize="int8"))
    times = in_turn(bundles, TOKENS, rounds=ROUNDS, runs=RUNS)
    print("| file | ms | of the teacher's | parameters of the blocks | of the teacher's |\n|---|---|---|---|---|")
    for name, ms in times.items():
        count = blocks[name]
        shares = ms / times["teacher"], count / blocks["teacher"]
        print(f"| {name} | {ms:.3f} | {shares[0]:.3f} | {count:,} | {shares[1]:.3f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["train", "table", "files"])
    for name in ("--model", "--data", "--out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--unlabelled", type=Path, nargs="*", default=[])
    parser.add_argument("--task", choices=list(FILES), default="text-classification")
    parser.add_argument("--ways", nargs="*", default=["distilled"], choices=WAYS)
    parser.add_argument("--seed", type=int, default=0)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    given = parser.parse_args()
    {"train": train, "table": table, "files": files}[given.step](given)


if __name__ == "__main__":
    main()
