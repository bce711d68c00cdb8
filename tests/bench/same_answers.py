"""Counts how many answers of a model's exported files equal Keras's, for any task.

    python tests/bench/same_answers.py MODEL --data FILE [--data FILE] --out RESULTS
    python tests/bench/same_answers.py MODEL --data FILE --out RESULTS --quantize none --quantize int8

MODEL is a saved model of any task. Each FILE is one that `kerasbert predict --input` reads; its blank texts are left
out, and the same number of examples is drawn from each. The files are exported to RESULTS/bundle, or read from there if
an earlier call wrote it. The table has a row per file: how many answers are equal by the task's own rule (`same`), the
largest difference of the numbers that they are made of, and for vectors the smallest cosine. A SavedModel also has a
row per signature for texts, on the examples that fit into one row of the model, because the signature takes one row.

The times of others are kept low with OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from kerasbert.examples.readers import read_unlabelled
from kerasbert.export import export_bundle
from kerasbert.export.gate.opening import open_any
from kerasbert.models.opening import open_model
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks.ask import Answered, rows_taken
from kerasbert.tasks.sentence_embedding import cosine

FORMATS = ("tflite", "onnx", "saved_model")
SEED = 0


def drawn(given, task) -> list:
    """As many examples of each file, in the order of the files."""
    random, found = np.random.default_rng(SEED), []
    for number, path in enumerate(given.data):
        count = (given.count * (number + 1)) // len(given.data) - (given.count * number) // len(given.data)
        known = [each for each in read_unlabelled(path, task) if not _is_blank(each)]
        places = random.choice(len(known), min(count, len(known)), replace=False)
        found += [known[place] for place in sorted(places)]
    return found


def _is_blank(example) -> bool:
    return any(isinstance(value, str) and not value.strip() for value in example.fields.values())


def pipelines(bundle: Path) -> Iterator[tuple]:
    """The name of each file and of each of its signatures for texts, the fields it takes, and what answers."""
    for name in Manifest.read(bundle).files:
        opened = open_any(bundle, name)
        yield name, None, opened.pipeline
        for fields, pipeline in opened.from_text.items():
            yield f"{name}, {' and '.join(fields)}", set(fields), pipeline


def compared(model, pipeline, wanted: Sequence[Answered]) -> tuple[list[bool], list[float], list[float]]:
    """For each example whether the answers are equal; and the differences and the cosines of all outputs."""
    equal, differences, cosines = [], [], []
    outputs = {each.name: each for graph in pipeline.graphs() for each in graph.outputs}
    for ours, right in zip(pipeline.answered([each.example for each in wanted]), wanted, strict=True):
        answers = [model.task.decode(each.example, right.rows, each.outputs, model.settings) for each in (ours, right)]
        equal.append(model.task.same(*answers, model.settings))
        for name in outputs.keys() & right.outputs.keys():
            for a, b in zip(ours.outputs[name], right.outputs[name], strict=True):
                a, b = np.asarray(a), np.asarray(b)
                differences.append(float(np.abs(a - b).max()) if a.shape == b.shape else np.inf)
                if outputs[name].bar == "vector" and outputs[name].axis == "row":
                    cosines.append(cosine(a, b))
    return equal, differences, cosines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="A saved model.")
    parser.add_argument("--data", type=Path, required=True, action="append", help="File of texts. Repeatable.")
    parser.add_argument("--out", type=Path, required=True, help="Folder of results.")
    parser.add_argument("--task", help="The task, if the folder holds an encoder alone.")
    parser.add_argument("--count", type=int, default=200, help="Number of examples, of all files together.")
    parser.add_argument("--max-length", type=int, help="Number of tokens in a row.")
    parser.add_argument("--quantize", action="append", help="How weights are stored. Repeatable.")
    given = parser.parse_args()
    model = open_model(given.model, task=given.task, max_length=given.max_length)
    bundle = given.out / "bundle"
    if not bundle.exists():
        given.out.mkdir(parents=True, exist_ok=True)
        export_bundle(model, bundle, formats=FORMATS, quantize=given.quantize or ["none"])
    wanted = list(model.answered(drawn(given, model.task)))
    sizes = [sum(map(len, each.rows)) for each in wanted]
    print(f"{len(wanted)} examples of {min(sizes)} to {max(sizes)} tokens, {int(np.median(sizes))} in the median\n")
    print("| file | answers that equal Keras's | largest difference | smallest cosine |\n|---|---|---|---|")
    for name, fields, pipeline in pipelines(bundle):
        asked = wanted
        if fields:
            one = [each for each in wanted if set(each.example.fields) == fields and len(each.rows) == 1]
            asked = one if rows_taken(pipeline.graphs()[0]) else wanted
        if not asked:  # of pairs of texts alone, for example
            continue
        equal, differences, cosines = compared(model, pipeline, asked)
        shown = f"{max(differences):.1e} | {f'{min(cosines):.6f}' if cosines else ''}" if differences else " | "
        print(f"| {name} | {sum(equal)} of {len(equal)} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
