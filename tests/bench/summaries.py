"""Summaries of SciTLDR: fine-tunes BERT2BERT from an encoder's checkpoint, and compares ROUGE with simple summaries.

    python tests/bench/summaries.py train --model MINILM --data SCITLDR --out RESULTS
    python tests/bench/summaries.py table --data SCITLDR --out RESULTS
    python tests/bench/summaries.py show --data SCITLDR --out RESULTS

SCITLDR is a folder with train.jsonl, dev.jsonl and test.jsonl. `train` writes RESULTS/ours, and goes on where it was
stopped; then it summarises the test set with beams, and writes RESULTS/ours.txt, with one summary per line. `table`
prints ROUGE (F1 of the best right summary) beside lead-1, the first sentence of each source, and beside the sentence
with the largest ROUGE-1, which no extract of one sentence can beat by much. `show` prints ten summaries to read.
"""

import argparse
import logging
from pathlib import Path

from kerasbert.examples.readers import read_examples
from kerasbert.tasks import task_named
from kerasbert.tasks.figures.written import ROUGE, evaluate
from kerasbert.tasks.seq2seq import truth

TASK = task_named("seq2seq")
RECIPE = {
    "epochs": 5,
    "batch_tokens": 4096,
    "learning_rate": 2e-4,
    "max_length": 256,
    "precision": "bf16",
    "metric": "rougeL",
    "keep": "best",
    "dev_sample": 100,
}
SETTINGS = {"max_new_tokens": 64, "no_repeat_ngram_size": 3}


def examples(given, part: str):
    return read_examples(given.data / f"{part}.jsonl", TASK)


def train(given) -> None:
    """Fine-tunes, and summarises the test set."""
    from kerasbert.models.opening import open_model
    from kerasbert.runs.finetune import finetune

    given.out.mkdir(parents=True, exist_ok=True)
    finetune(
        TASK.name,
        examples(given, "train")[: given.count],
        given.out / "ours",
        checkpoint=given.model,
        dev=examples(given, "dev")[: given.count],
        settings=SETTINGS,
        resume=True,
        **{**RECIPE, "epochs": given.epochs},
    )
    answers = open_model(given.out / "ours").answers(examples(given, "test")[: given.count])
    lines = "".join(f"{each['generated_text']}\n" for each in answers)
    (given.out / "ours.txt").write_text(lines, encoding="utf-8")


def written(given) -> list[str]:
    return (given.out / "ours.txt").read_text(encoding="utf-8").splitlines()


def table(given) -> None:
    """Prints one row per way to summarise."""
    texts = written(given)
    asked = examples(given, "test")[: len(texts)]
    right = [truth(each, None) for each in asked]
    ways = {
        "lead-1": [each.fields["source"][0] for each in asked],
        "best sentence": [_best(each.fields["source"], found) for each, found in zip(asked, right, strict=True)],
        "BERT2BERT": texts,
    }
    print(f"| test, {len(texts)} texts | " + " | ".join(ROUGE) + " | words |\n" + "|---" * (len(ROUGE) + 2) + "|")
    for name, found in ways.items():
        figures = evaluate(found, right)
        words = sum(len(text.split()) for text in found) / len(found)
        print(f"| {name} | " + " | ".join(f"{100 * figures[each]:.1f}" for each in ROUGE) + f" | {words:.0f} |")


def _best(sentences: list[str], right: list[str]) -> str:
    """The sentence with the largest ROUGE-1."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1"], use_stemmer=True)
    return max(sentences, key=lambda each: scorer.score_multi(right, each)["rouge1"].fmeasure)


def show(given) -> None:
    """Prints ten summaries, each with a right one."""
    texts = written(given)
    asked = examples(given, "test")[: len(texts)]
    for number in range(0, len(texts), max(1, len(texts) // 10)):
        print(f"ours:  {texts[number]}\nright: {truth(asked[number], None)[0]}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = {"train": train, "table": table, "show": show}
    parser.add_argument("step", choices=steps)
    parser.add_argument("--model", help="Folder of all-MiniLM-L6-v2, for train.")
    parser.add_argument("--data", type=Path, required=True, help="Folder that holds the files of SciTLDR.")
    parser.add_argument("--out", type=Path, required=True, help="Folder of results.")
    parser.add_argument("--epochs", type=int, default=RECIPE["epochs"])
    parser.add_argument("--count", type=int, help="Only this number of texts of each part, to try it.")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    given = parser.parse_args()
    steps[given.step](given)


if __name__ == "__main__":
    main()
