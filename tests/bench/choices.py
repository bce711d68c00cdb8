"""Pairs and choices of real sentences: fine-tunes MiniLM shortly for a task, exports it and compares the files.

    python tests/bench/choices.py next-sentence --model MINILM --text TEXT --out RESULTS
    python tests/bench/choices.py multiple-choice --model RESULTS/next-sentence --text TEXT --out RESULTS

TEXT has one paragraph per line, as WikiText has it. A pair is a sentence with the next one of its paragraph, or with
one of any other paragraph whose words are in another order; of four choices, one is the next sentence. Order is learned
in minutes on two cores, which the meaning of sentences is not; files are compared either way. The table has for every
file the accuracy, the largest difference of its logits from Keras's, the number of other answers than Keras's, the
delegate's partitions, and the milliseconds of a row of 16 tokens and of one of the longest.
"""

import argparse
import json
import logging
import random
import shutil
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from kerasbert.tasks import task_named
from kerasbert.tasks.task import Example

RECIPE = {"batch_size": 16, "learning_rate": 1e-4, "max_length": 64}
TEST = 400
"""Number of examples that files are compared on."""
RUNS, LONGEST = 30, 128
"""Number of timed rows, and of tokens that the exported files take."""


def paragraphs(path: Path) -> list[list[str]]:
    """The sentences of each paragraph that has at least two."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    split = ([part.strip(" .") + "." for part in line.split(" . ")] for line in lines if line and line[0] != "=")
    return [kept for kept in ([part for part in parts if len(part) > 20] for parts in split) if len(kept) > 1]


def examples(task: str, path: Path) -> list[Example]:
    """Shuffled examples with their right answers."""
    chance, found, every = random.Random(0), [], paragraphs(path)
    for sentences in every:
        for first, second in pairwise(sentences):
            others = [chance.choice(other) for other in chance.sample(every, 4) if other is not sentences][:3]
            wrong = [" ".join(chance.sample(words, len(words))) for words in map(str.split, others)]
            if task == "next-sentence":
                follows = chance.random() < 0.5
                found.append(Example({"text": first, "text_pair": second if follows else wrong[0]}, int(not follows)))
            else:
                right = chance.randrange(4)
                choices = [*wrong[:right], second, *wrong[right:]]
                found.append(Example({"prompt": first, "choices": choices}, right))
    chance.shuffle(found)
    return found


def milliseconds(pipeline, row, length: int) -> float:
    """The least time of one row with that number of tokens, which other work on the machine disturbs least."""
    inputs = {name: np.resize(np.array([values], "int32"), (1, length)) for name, values in row.inputs.items()}
    inputs["attention_mask"][:] = 1
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        pipeline.runs["model"](inputs)
        times.append(1000 * (time.perf_counter() - start))
    return min(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["next-sentence", "multiple-choice"])
    parser.add_argument("--model", required=True, help="Folder of all-MiniLM-L6-v2.")
    parser.add_argument("--text", type=Path, required=True, help="Text with one paragraph per line.")
    parser.add_argument("--out", type=Path, required=True, help="Folder of results.")
    parser.add_argument("--count", type=int, default=600, help="Examples to learn from.")
    parser.add_argument("--epochs", type=int, default=3)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    given = parser.parse_args()
    from kerasbert.export import export_bundle
    from kerasbert.export.formats.tflite.graph import read_graph
    from kerasbert.export.gate.opening import open_any
    from kerasbert.models.opening import open_model
    from kerasbert.runs.finetune import finetune

    task, made = task_named(given.task), examples(given.task, given.text)
    test, folder, bundle = made[:TEST], given.out / given.task, given.out / f"{given.task}_bundle"
    learned, recipe = made[TEST : TEST + given.count], {"epochs": given.epochs, "resume": True, **RECIPE}
    finetune(task.name, learned, folder, checkpoint=given.model, **recipe)
    model = open_model(folder, max_length=LONGEST)
    shutil.rmtree(bundle, ignore_errors=True)
    export_bundle(model, bundle, quantize=["none", "int8"])
    wanted = list(model.answered(test))

    def answers(answered) -> list:
        return [task.decode(each.example, each.rows, each.outputs, model.settings) for each in answered]

    print("| file | accuracy | difference | other answers | partitions | ms, 16 tokens | ms, longest |")
    print("|---|---|---|---|---|---|---|")
    print(f"| keras | {100 * task.figures(wanted, model.settings)['accuracy']:.2f} | | | | | |")
    for name, file in json.loads((bundle / "kerasbert.json").read_text(encoding="utf-8"))["files"].items():
        pipeline = open_any(bundle, name).pipeline
        found = list(pipeline.answered(test))
        pairs = [(each.outputs["logits"], other.outputs["logits"]) for each, other in zip(found, wanted, strict=True)]
        difference = max(float(np.abs(np.subtract(*pair)).max()) for pair in pairs)
        other = sum(not task.same(*two, model.settings) for two in zip(answers(found), answers(wanted), strict=True))
        graph = read_graph(bundle / file["path"]) if file["kind"] == "tflite" else {"partitions": ""}
        times = [milliseconds(pipeline, found[0].rows[0], length) for length in (16, model.max_length)]
        accuracy = 100 * task.figures(found, model.settings)["accuracy"]
        cells = [name, f"{accuracy:.2f}", f"{difference:.1e}", f"{other} of {len(test)}", graph["partitions"]]
        print(f"| {' | '.join(map(str, cells))} | {times[0]:.2f} | {times[1]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
