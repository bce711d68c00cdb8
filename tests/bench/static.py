"""A static encoder made from a teacher: its size, its time per text and its accuracy with logistic regression on it.

    python tests/bench/static.py --teacher MINILM --data SENTIMENT --out RESULTS [--size 256 128 64]

SENTIMENT is a folder with train.csv, dev.csv and test.csv of labelled texts. For each size of the vectors the int8
`.tflite` file of a text classifier is made, checked by the gate, and answers the texts of test.csv in the runtime with
one thread: texts of at most `SHORT` words one by one (the median and the least time of a call) and all of them in one
call, then all texts in one call. With `--epochs`, the table and the classifier learn together after that, and the
accuracies behind it are printed too.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np

import kerasbert as kb
from kerasbert.examples.readers import read_examples
from kerasbert.export import export_bundle
from kerasbert.models.static import static_of
from kerasbert.runs.few_labels import stand_on
from kerasbert.runtime import load
from kerasbert.tasks import task_named

SHORT, ROUNDS = 12, 20


def accuracy(answer, examples) -> float:
    found = answer.predict_text([each.fields["text"] for each in examples])
    return 100 * float(np.mean([got["label"] == each.truth for got, each in zip(found, examples, strict=True)]))


def times(answer, texts: list[str]) -> list[float]:
    """Microseconds per text: of a short one alone, the median and the least; of all short ones; of all."""
    short = [text for text in texts if len(text.split()) <= SHORT]
    answer(short)
    alone = []
    for text in short * ROUNDS:
        begun = time.perf_counter()
        answer(text)
        alone.append(time.perf_counter() - begun)
    many = []
    for given in (short * 10, texts):
        spent = []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            answer(given)
            spent.append((time.perf_counter() - begun) / len(given))
        many.append(min(spent))
    return [1e6 * each for each in (statistics.median(alone), min(alone), *many)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, nargs="+", default=[256])
    parser.add_argument("--epochs", type=int, default=0)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    given = parser.parse_args()
    task = task_named("text-classification")
    parts = {part: list(read_examples(given.data / f"{part}.csv", task)) for part in ("train", "dev", "test")}
    labels = sorted({each.truth for each in parts["train"]})
    teacher = kb.BertEncoder.from_pretrained(given.teacher)
    print("size  learned     train    dev   test     MB   alone  least  short    all   (us per text)")
    for size in given.size:
        model = kb.TextClassifier(static_of(teacher, size=size), labels=labels, pooling="mean", max_length=64)
        for epochs in dict.fromkeys((0, given.epochs)):
            stand_on(model, parts["train"])
            if epochs:
                model.compile(kb.training.optimizers.adamw(learning_rate=given.learning_rate))
                model.fit(model.dataset(given.data / "train.csv", batch_size=32), epochs=epochs, verbose=0)
            folder = given.out / f"{size}-{epochs}"
            export_bundle(model, folder, formats="tflite", quantize="int8")
            answer = load(folder, file="tflite-int8", threads=1)
            megabytes = (folder / "model_int8.tflite").stat().st_size / 1e6
            figures = [accuracy(answer, parts[part]) for part in parts]
            spent = times(answer, [each.fields["text"] for each in parts["test"]])
            learned = f"{epochs} epochs" if epochs else "head"
            shown = "".join(f"{each:7.1f}" for each in (*figures, megabytes, *spent))
            print(f"{size:4}  {learned:8}  {shown}", flush=True)


if __name__ == "__main__":
    main()
