"""A sentence encoder with the words of a data set alone: its size, and its vectors beside those of the whole one.

    python tests/bench/pruned.py --model MINILM --data SENTIMENT --out RESULTS

SENTIMENT is a folder with train.csv, dev.csv and test.csv, whose words are kept. Both models embed the texts of
test.csv in the same batches, and the largest difference of two numbers is printed: 0 means equal to the last bit.
"""

import argparse
from pathlib import Path

import numpy as np

import kerasbert as kb
from kerasbert.examples.readers import read_examples
from kerasbert.tasks import task_named

PARTS = ("train", "dev", "test")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="Folder of all-MiniLM-L6-v2.")
    parser.add_argument("--data", type=Path, required=True, help="Folder of the data set.")
    parser.add_argument("--out", type=Path, required=True, help="Folder of results.")
    given = parser.parse_args()
    task = task_named("text-classification")
    texts = {part: [each.fields["text"] for each in read_examples(given.data / f"{part}.csv", task)] for part in PARTS}
    small = given.out / "pruned"
    kb.prune_vocabulary(given.model, small, [text for part in texts.values() for text in part])
    models = [kb.SentenceEncoder.from_pretrained(str(folder)) for folder in (given.model, small)]
    whole, pruned = (model.encode(texts["test"]) for model in models)
    print("| | words | parameters | MB |\n|---|---|---|---|")
    for name, folder, model in zip(("whole", "pruned"), (given.model, small), models, strict=True):
        size = (Path(folder) / "model.safetensors").stat().st_size / 1e6
        print(f"| {name} | {model.config.vocab_size:,} | {model.count_params():,} | {size:.1f} |")
    print(f"largest difference on {len(whole):,} texts: {np.abs(whole - pruned).max():g}")


if __name__ == "__main__":
    main()
