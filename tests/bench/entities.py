"""Named entities on WNUT17: fine-tunes here, beside transformers (`entities_transformers.py`), and compares the files.

    python tests/bench/entities.py train --model MINILM --data WNUT17 --seed 0 --out RESULTS
    python tests/bench/entities.py table --data WNUT17 --out RESULTS
    python tests/bench/entities.py files --data WNUT17 --out RESULTS --seed 0

`train` writes RESULTS/model_SEED, and RESULTS/ours_SEED.json with the predicted tags of each sentence of dev and test
and the CPU seconds of fine-tuning, from reading the file to the saved folder. `table` scores these files and
transformers' RESULTS/peer_SEED.json with seqeval. `files` exports a model, compares the entities of its float32 files
with Keras's on the test sentences, and prints the F1 of all files. WNUT17 is a folder that holds the files in `FILES`.
"""

import argparse
import json
import logging
import shutil
import statistics
import time
from pathlib import Path

from kerasbert.examples.readers import read_examples
from kerasbert.tasks import task_named
from kerasbert.tasks.figures.tokens import evaluate
from kerasbert.tasks.token_classification import predicted_tags

FILES = {"train": "wnut17train.conll", "dev": "emerging.dev.conll", "test": "emerging.test.annotated"}
TASK = task_named("token-classification")
RECIPE = {"epochs": 5, "batch_size": 16, "learning_rate": 1e-4, "warmup": 0.0, "max_length": 128}


def examples(folder: Path, part: str) -> list:
    return read_examples(folder / FILES[part], TASK)


def train(given) -> None:
    """Fine-tunes with one seed."""
    from kerasbert.models.opening import open_model
    from kerasbert.runs.finetune import finetune

    given.out.mkdir(parents=True, exist_ok=True)
    folder = given.out / f"model_{given.seed}"
    cpu, wall = time.process_time(), time.perf_counter()
    finetune(TASK.name, given.data / FILES["train"], folder, checkpoint=given.model, seed=given.seed, **RECIPE)
    cost = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    model = open_model(folder)
    found = {
        part: [predicted_tags(each, model.settings) for each in model.answered(examples(given.data, part))]
        for part in ("dev", "test")
    }
    (given.out / f"ours_{given.seed}.json").write_text(json.dumps({"cost": cost, **found}), encoding="utf-8")


def table(given) -> None:
    """Prints one row per seed and the means."""
    true = {part: [example.truth for example in examples(given.data, part)] for part in ("dev", "test")}
    print("| | dev F1 | test F1 | test F1, strict IOB2 | CPU s |\n|---|---|---|---|---|")
    for who, name in (("transformers", "peer"), ("kerasbert", "ours")):
        rows = []
        for path in sorted(given.out.glob(f"{name}_*.json")):
            found = json.loads(path.read_text(encoding="utf-8"))
            dev, test = (evaluate(found[part], true[part]) for part in ("dev", "test"))
            rows.append((dev["f1"], test["f1"], test["strict_iob2_f1"], found["cost"]["cpu"]))
            print(_line(f"{who}, seed {path.stem.split('_')[1]}", rows[-1]))
        if rows:
            print(_line(f"{who}, mean", [statistics.mean(column) for column in zip(*rows, strict=True)]))


def _line(name: str, row) -> str:
    return f"| {name} | {row[0]:.4f} | {row[1]:.4f} | {row[2]:.4f} | {row[3]:.0f} |"


def files(given) -> None:
    """Exports a model and compares its files."""
    from kerasbert.export import export_bundle
    from kerasbert.export.gate.opening import open_any
    from kerasbert.models.opening import open_model

    model = open_model(given.out / f"model_{given.seed}")
    bundle = given.out / f"bundle_{given.seed}"
    shutil.rmtree(bundle, ignore_errors=True)
    start = time.perf_counter()
    export_bundle(model, bundle, quantize=["none", "int8"])
    print(f"exported in {time.perf_counter() - start:.0f} s")
    test = examples(given.data, "test")
    wanted = list(model.answered(test))
    print("| file | test F1 | sentences with other entities |\n|---|---|---|")
    for name in ("keras", *json.loads((bundle / "kerasbert.json").read_text(encoding="utf-8"))["files"]):
        found = wanted if name == "keras" else list(open_any(bundle, name).pipeline.answered(test))
        answers = [
            [TASK.decode(x.example, x.rows, x.outputs, model.settings) for x in each] for each in (found, wanted)
        ]
        other = sum(not TASK.same(ours, theirs, model.settings) for ours, theirs in zip(*answers, strict=True))
        print(f"| {name} | {TASK.figures(found, model.settings)['f1']:.4f} | {other} of {len(test)} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["train", "table", "files"])
    parser.add_argument("--model", help="Folder of all-MiniLM-L6-v2, for train.")
    parser.add_argument("--data", type=Path, required=True, help="Folder of WNUT17.")
    parser.add_argument("--out", type=Path, required=True, help="Folder of results.")
    parser.add_argument("--seed", type=int, default=0)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    given = parser.parse_args()
    {"train": train, "table": table, "files": files}[given.step](given)


if __name__ == "__main__":
    main()
