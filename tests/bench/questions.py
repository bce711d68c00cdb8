"""Answers to questions: fine-tunes on QAMR here, beside transformers (`questions_transformers.py`), tests on XQuAD.

    python tests/bench/questions.py data --data QAMR --out RESULTS
    python tests/bench/questions.py train --model MINILM --out RESULTS --seed 0 --test XQUAD
    python tests/bench/questions.py table --out RESULTS --test XQUAD
    python tests/bench/questions.py files --out RESULTS --seed 0 --test XQUAD --count 200

`data` reads QAMR's questions about single sentences (SQuAD's JSON) and writes RESULTS/train.json, in which a context is
a sentence with its neighbours, 60 to 130 words. `train` writes RESULTS/model_SEED, and RESULTS/ours_SEED.json with the
answers to XQuAD's questions and the CPU seconds of fine-tuning, from reading the file to the saved folder. `table`
scores these files and transformers' RESULTS/peer_SEED.json. `files` exports a model, RESULTS/model_SEED or the one that
`--model` names, compares the answers of its files with Keras's, and prints their figures and the difference of F1.
"""

import argparse
import json
import logging
import random
import shutil
import statistics
import time
from pathlib import Path

from kerasbert.examples.readers import read_examples
from kerasbert.tasks import task_named
from kerasbert.tasks.answers import right_answers
from kerasbert.tasks.figures.answers import evaluate

TASK = task_named("question-answering")
RECIPE = {"epochs": 1, "batch_size": 16, "learning_rate": 1e-4, "warmup": 0.0, "max_length": 256}
WORDS = (60, 130)
"""Number of words in a context is between these."""


def data(given) -> None:
    """Lengthens the contexts of QAMR."""
    content = json.loads((given.data / "qamr_train.json").read_text(encoding="utf-8"))
    order = sorted(content["data"], key=lambda article: _numbers(article["title"]))
    paragraphs = [paragraph for article in order for paragraph in article["paragraphs"]]
    sizes = [len(paragraph["context"].split()) for paragraph in paragraphs]
    chance, longer = random.Random(0), []
    for place, paragraph in enumerate(paragraphs):
        wanted, first, last = chance.randint(*WORDS), place, place
        while sum(sizes[first : last + 1]) < wanted:
            before = first > 0 and (last == len(paragraphs) - 1 or chance.random() < 0.5)
            wider = (first - 1, last) if before else (first, last + 1)
            if sum(sizes[first : last + 1]) >= WORDS[0] and sum(sizes[wider[0] : wider[1] + 1]) > WORDS[1]:
                break
            first, last = wider
        before = "".join(f"{each['context']} " for each in paragraphs[first:place])
        after = "".join(f" {each['context']}" for each in paragraphs[place + 1 : last + 1])
        asked = [
            {
                **question,
                "answers": [
                    {**answer, "answer_start": answer["answer_start"] + len(before)} for answer in question["answers"]
                ],
            }
            for question in paragraph["qas"]
        ]
        longer.append({"paragraphs": [{"context": before + paragraph["context"] + after, "qas": asked}]})
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "train.json").write_text(json.dumps({"data": longer}), encoding="utf-8")


def _numbers(title: str) -> list:
    return [int(part) if part.isdecimal() else -1 for part in title.split(":")]


def train(given) -> None:
    """Fine-tunes with one seed."""
    from kerasbert.models.opening import open_model
    from kerasbert.runs.finetune import finetune

    folder = given.out / f"model_{given.seed}"
    train_file, cpu = given.out / "train.json", time.process_time()
    finetune(TASK.name, train_file, folder, checkpoint=given.model, seed=given.seed, resume=True, **RECIPE)
    cost = {"cpu": time.process_time() - cpu}  # of the last part, if the run was resumed
    model = open_model(folder)
    answers = [each["answer"] for each in model.answers(read_examples(given.test, TASK))]
    (given.out / f"ours_{given.seed}.json").write_text(json.dumps({"cost": cost, "answers": answers}), encoding="utf-8")


def table(given) -> None:
    """Prints one row per seed and the means."""
    right = [[each.text for each in right_answers(example)] for example in read_examples(given.test, TASK)]
    print("| | EM | F1 | CPU s |\n|---|---|---|---|")
    for who, name in (("transformers", "peer"), ("kerasbert", "ours")):
        rows = []
        for path in sorted(given.out.glob(f"{name}_*.json")):
            found = json.loads(path.read_text(encoding="utf-8"))
            figures = evaluate(found["answers"], right)
            rows.append((100 * figures["exact_match"], 100 * figures["f1"], found["cost"]["cpu"]))
            print(_line(f"{who}, seed {path.stem.split('_')[1]}", rows[-1]))
        if rows:
            print(_line(f"{who}, mean", [statistics.mean(column) for column in zip(*rows, strict=True)]))


def _line(name: str, row) -> str:
    return f"| {name} | {row[0]:.2f} | {row[1]:.2f} | {row[2]:.0f} |"


def files(given) -> None:
    """Exports a model and compares its files."""
    from kerasbert.export import export_bundle
    from kerasbert.export.gate.opening import open_any
    from kerasbert.models.opening import open_model

    model = open_model(given.model or given.out / f"model_{given.seed}")
    bundle = given.out / f"bundle_{given.seed}"
    shutil.rmtree(bundle, ignore_errors=True)
    export_bundle(model, bundle, quantize=["none", "int8"])
    test = read_examples(given.test, TASK)[: given.count]
    wanted = list(model.answered(test))
    keras_f1 = 100 * TASK.figures(wanted, model.settings)["f1"]
    print("| file | EM | F1 | F1 less Keras's | other answers |\n|---|---|---|---|---|")
    for name in ("keras", *json.loads((bundle / "kerasbert.json").read_text(encoding="utf-8"))["files"]):
        found = wanted if name == "keras" else list(open_any(bundle, name).pipeline.answered(test))
        answers = [
            [TASK.decode(x.example, x.rows, x.outputs, model.settings) for x in each] for each in (found, wanted)
        ]
        other = sum(not TASK.same(ours, theirs, model.settings) for ours, theirs in zip(*answers, strict=True))
        figures = TASK.figures(found, model.settings)
        em, f1 = (100 * figures[name] for name in ("exact_match", "f1"))
        print(f"| {name} | {em:.2f} | {f1:.2f} | {f1 - keras_f1:+.2f} | {other} of {len(test)} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["data", "train", "table", "files"])
    parser.add_argument("--model", help="For train the folder of all-MiniLM-L6-v2; for files a question answerer.")
    parser.add_argument("--data", type=Path, help="Folder with qamr_train.json, for data.")
    parser.add_argument("--test", type=Path, help="XQuAD's JSON, for train, table and files.")
    parser.add_argument("--out", type=Path, required=True, help="Folder of results.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=None, help="Questions to compare files on; all by default.")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    given = parser.parse_args()
    {"data": data, "train": train, "table": table, "files": files}[given.step](given)


if __name__ == "__main__":
    main()
