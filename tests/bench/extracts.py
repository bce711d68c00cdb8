"""Summaries of one sentence of SciTLDR: fine-tunes an encoder, and compares ROUGE with simple ways to choose one.

    python tests/bench/extracts.py train --model MINILM --data SCITLDR --out RESULTS
    python tests/bench/extracts.py train --model MINILM --data SCITLDR --out RESULTS --learned labels
    python tests/bench/extracts.py table --data SCITLDR --out RESULTS

SCITLDR is a folder with train.jsonl, dev.jsonl and test.jsonl. `train` writes RESULTS/soft or RESULTS/labels, by what
is learned of a sentence: its ROUGE with the summary, or 1 for the best one. It goes on where it was stopped, and
appends the seconds of processor time to RESULTS/seconds.txt. `table` prints ROUGE (F1) of the best right summary and
the mean of all right summaries, for dev and test: of the first sentence, of a ridge regression on tf-idf and the
sentence's place, of the models, and of the sentence that the data set labels. `p` is the share of resampled sets of
texts on which ROUGE-1 is not above that of the ridge regression (paired bootstrap, Koehn 2004).
"""

import argparse
import logging
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasbert.examples.readers import read_examples
from kerasbert.tasks import task_named
from kerasbert.tasks.figures.written import ROUGE, rouge
from kerasbert.tasks.sources import words_of
from kerasbert.tasks.summaries import likeness_of, right_answer

TASK = task_named("extractive-summarization")
RECIPE = {
    "epochs": 2,
    "batch_size": 8,
    "learning_rate": 1e-4,
    "max_length": 512,
    "precision": "bf16",
    "keep": "best",
    "metric": "rouge1_best",
}
WORDS, RIDGE = 2000, 30.0
"""How many words have a weight in the ridge regression, and its penalty. It learns what the model does."""
DRAWS = 10_000


def examples(given, part: str):
    return read_examples(given.data / f"{part}.jsonl", TASK)[: given.count]


def train(given) -> None:
    """Fine-tunes a model to choose one sentence."""
    from kerasbert.runs.finetune import finetune

    given.out.mkdir(parents=True, exist_ok=True)
    finetune(
        TASK.name,
        examples(given, "train"),
        given.out / given.learned,
        checkpoint=given.model,
        dev=examples(given, "dev"),
        settings={"top_k": 1, "soft_targets": given.learned == "soft"},
        resume=True,
        **{**RECIPE, "epochs": given.epochs},
    )
    with open(given.out / "seconds.txt", "a", encoding="utf-8") as stream:
        stream.write(f"{given.learned} {sum(os.times()[:2]):.0f}\n")


class Ridge:
    """A linear regression on the tf-idf of a sentence's words and on its place, whose weights have a penalty."""

    def __init__(self, training: Sequence):
        sentences = [words_of(sentence) for each in training for sentence in each.fields["source"]]
        counts = Counter(word for words in sentences for word in set(words))
        self.columns = {word: column for column, (word, _) in enumerate(counts.most_common(WORDS))}
        self.rarity = np.log(len(sentences) / np.array([counts[word] for word in self.columns]))
        features = np.concatenate([self.features(each.fields["source"]) for each in training])
        wanted = np.concatenate([likeness_of(each) for each in training])
        self.mean = wanted.mean()
        penalty = RIDGE * np.eye(features.shape[1])
        self.weights = np.linalg.solve(features.T @ features + penalty, features.T @ (wanted - self.mean))

    def features(self, source: Sequence[str]) -> np.ndarray:
        """(sentences, words and places)."""
        found = np.zeros((len(source), len(self.columns)))
        for number, sentence in enumerate(source):
            for word, count in Counter(words_of(sentence)).items():
                if word in self.columns:
                    found[number, self.columns[word]] = 1 + np.log(count)
        found *= self.rarity
        found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
        places = np.arange(len(source))
        share = places / max(1, len(source) - 1)
        lengths = np.array([len(sentence.split()) for sentence in source])
        first, last = places == 0, places == len(source) - 1
        numbers = [first, last, share, share**2, np.log1p(places), np.log1p(lengths), lengths / 50]
        return np.column_stack([found, *numbers])

    def choose(self, source: Sequence[str]) -> int:
        return int(np.argmax(self.features(source) @ self.weights))


def summaries(given, part: str) -> dict[str, list[str]]:
    """The summaries of a part of the data, by the way to make them."""
    from kerasbert.models.opening import open_model

    asked, ridge = examples(given, part), Ridge(examples(given, "train"))
    found = {
        "first sentence": [each.fields["source"][0] for each in asked],
        "ridge regression": [each.fields["source"][ridge.choose(each.fields["source"])] for each in asked],
    }
    for name in ("labels", "soft"):
        if (given.out / name / "config.json").is_file():
            answers = open_model(given.out / name).answers(asked)
            found[f"MiniLM, {name}"] = [each["summary_text"] for each in answers]
    labels = [right_answer(each).labels for each in asked]
    found["labelled sentence"] = [
        each.fields["source"][int(np.argmax(mine))] for each, mine in zip(asked, labels, strict=True)
    ]
    return found


def table(given) -> None:
    """Prints one row per way to summarise, for dev and for test."""
    for part in ("dev", "test"):
        right = [right_answer(each).summaries for each in examples(given, part)]
        found = {name: rouge(texts, right) for name, texts in summaries(given, part).items()}
        base = found["ridge regression"]["rouge1_best"]
        names = [f"{name}_{what}" for what in ("best", "mean") for name in ROUGE]
        print(f"| {part}, {len(right)} texts | " + " | ".join(names) + " | p |\n" + "|---" * (len(names) + 2) + "|")
        for name, scores in found.items():
            figures = " | ".join(f"{100 * scores[each].mean():.1f}" for each in names)
            print(f"| {name} | {figures} | {chance(scores['rouge1_best'] - base):.4f} |")
        print()


def chance(differences: np.ndarray) -> float:
    """The share of resampled sets of texts whose mean difference is not above 0."""
    draw = np.random.default_rng(0)
    means = [draw.choice(differences, len(differences)).mean() for _ in range(DRAWS)]
    return float(np.mean(np.array(means) <= 0))


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "table"])
    parser.add_argument("--model", help="folder of the encoder to begin with")
    parser.add_argument("--data", type=Path, required=True, help="folder of SciTLDR")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--learned", choices=["soft", "labels"], default="soft", help="what is learned of a sentence")
    parser.add_argument("--epochs", type=int, default=RECIPE["epochs"])
    parser.add_argument("--count", type=int, help="only the first texts of each part")
    given = parser.parse_args()
    {"train": train, "table": table}[given.what](given)


if __name__ == "__main__":
    main()
