"""Masks filled by the files of a bundle, beside Keras: equal answers, accuracy lost in 8 bits, size and time.

    python tests/bench/masks.py --data TEXTS.txt --out RESULTS [--model MODEL]

MODEL is a folder with a head of masked words, the package's own encoder if it is left out. TEXTS.txt has one text per
line; of each of the first 200 texts of 20 to 400 characters one token is masked. RESULTS gets the bundle.
"""

import argparse
import shutil
import time
from pathlib import Path

import numpy as np

from kerasbert.examples.readers import read_examples
from kerasbert.tasks import task_named

TASK = task_named("fill-mask")
TEXTS, LENGTH, SHORT, ROUNDS = 200, 128, "It was a [MASK] day.", 30
FILES = {"formats": ("tflite", "onnx", "saved_model"), "quantize": ("none", "float16", "int8", "int8-mixed")}


def chosen(path: Path) -> list:
    found = [each for each in read_examples(path, TASK) if 20 <= len(each.fields["text"]) <= 400]
    return found[:TEXTS]


def milliseconds(pipeline, text: str) -> float:
    (example,) = TASK.examples([text])
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        list(pipeline.answered([example]))
        times.append(1000 * (time.perf_counter() - start))
    return float(np.median(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model")
    for name in ("data", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args()
    from kerasbert import MaskFiller
    from kerasbert.export import export_bundle
    from kerasbert.export.formats.tflite.graph import read_graph
    from kerasbert.export.gate.opening import open_any
    from kerasbert.runtime.manifest import Manifest

    model = MaskFiller.from_pretrained(given.model, max_length=LENGTH)
    examples, bundle = chosen(given.data), given.out / "bundle"
    shutil.rmtree(bundle, ignore_errors=True)
    given.out.mkdir(parents=True, exist_ok=True)
    export_bundle(model, bundle, **FILES)
    wanted = list(model.answered(examples))
    figures = TASK.figures(wanted, model.settings)
    print(f"{len(examples)} texts; Keras: accuracy {figures['accuracy']:.4f}, perplexity {figures['perplexity']:.2f}\n")
    print("| file | MB | difference | same best token | accuracy | perplexity | ms, short | ms, 128 | partitions |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, file in Manifest.read(bundle).files.items():
        pipeline = open_any(bundle, name).pipeline
        found = list(pipeline.answered(examples))
        rows = zip(found, wanted, strict=True)
        pairs = [pair for x, y in rows for pair in zip(x.outputs["logits"], y.outputs["logits"], strict=True)]
        difference = max(float(np.abs(a - b).max()) for a, b in pairs)
        same = np.mean([a.argmax() == b.argmax() for a, b in pairs])
        figures = TASK.figures(found, model.settings)
        times = [milliseconds(pipeline, text) for text in (SHORT, SHORT + " it was" * 200)]
        parts = read_graph(bundle / file.path)["partitions"] if file.kind == "tflite" else "-"
        print(
            f"| {name} | {file.bytes / 1e6:.1f} | {difference:.1e} | {same:.3f} | {figures['accuracy']:.4f} | "
            f"{figures['perplexity']:.2f} | {times[0]:.2f} | {times[1]:.2f} | {parts} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
