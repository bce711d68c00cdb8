"""Records what transformers 4.57 answers to questions, from given logits: windows, n-best lists, the answer none.

    pip install transformers==4.57.1 numpy
    python tests/tasks/record_squad.py

transformers 5 has this code no more.
"""

import json
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from transformers import BertTokenizer
from transformers.data.metrics import squad_metrics
from transformers.data.processors import squad as processors

LENGTH, OVERLAP, LONGEST = 24, 6, 5
QUESTION = "was the film good"
CONTEXTS = (
    "the film was good",
    " ".join(["the film was good and the room was bad or a book is fun"] * 4),
    " ".join(["i like the room but you hate it"] * 9),
    " ".join(["it was not fun"] * 13),
)
VOCABULARY = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *sorted({word for each in CONTEXTS for word in each.split()}),
]
ANSWERS = (
    ("John Smith", "john smith."),
    ("1895-1943", "18951943"),
    ("the  Film, a book", "film book"),
    ("", ""),
    ("", "none"),
    ("a", "the"),
    ("Oslo", "the city of Oslo"),
    ("Ünal Öz", "ünal öz?"),
    ("a b a b", "a b b c"),
)


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vocab.txt"
        path.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
        tokenizer = BertTokenizer(str(path))
        cases = [case(tokenizer, number, context) for number, context in enumerate(CONTEXTS * 2)]
    figures = [
        {
            "answer": a,
            "right": b,
            "exact_match": squad_metrics.compute_exact(b, a),
            "f1": squad_metrics.compute_f1(b, a),
        }
        for pair in ANSWERS
        for a, b in (pair, pair[::-1])
    ]
    chance = np.random.default_rng(5)
    answerable = (chance.random(40) < 0.6).tolist()
    differences = (chance.normal(size=40) - 2.0 * np.array(answerable)).round(3).tolist()
    gains = [float(x) if has else 0.0 for x, has in zip(chance.choice([0.0, 0.5, 1.0], 40), answerable, strict=True)]
    names = [str(i) for i in range(40)]
    score, threshold = squad_metrics.find_best_thresh(
        dict.fromkeys(names, "span"),
        dict(zip(names, gains, strict=True)),
        dict(zip(names, differences, strict=True)),
        dict(zip(names, answerable, strict=True)),
    )
    threshold = {
        "differences": differences,
        "gains": gains,
        "answerable": answerable,
        "threshold": threshold,
        "score": score,
    }
    found = {
        "vocabulary": VOCABULARY,
        "length": LENGTH,
        "overlap": OVERLAP,
        "longest": LONGEST,
        "question": QUESTION,
        "cases": cases,
        "figures": figures,
        "threshold": threshold,
    }
    Path(__file__).with_name("squad.json").write_text(json.dumps(found) + "\n", encoding="utf-8")


def case(tokenizer, number: int, context: str) -> dict:
    processors.squad_convert_example_to_features_init(tokenizer)
    example = processors.SquadExample("q", QUESTION, context, None, None, "", answers=[], is_impossible=True)
    room = LENGTH - 3 - len(tokenizer.tokenize(QUESTION))
    features = processors.squad_convert_example_to_features(example, LENGTH, room - OVERLAP, 64, "max_length", False)
    chance, results = np.random.default_rng(number), []
    for i, feature in enumerate(features):
        feature.example_index, feature.unique_id = 0, i
        logits = (2 * chance.normal(size=(2, LENGTH))).round(3)
        logits[:, len(feature.tokens) :] = -1e4  # transformers would take padding among the best starts
        logits = logits.tolist()
        results.append(SimpleNamespace(unique_id=i, start_logits=logits[0], end_logits=logits[1]))
    answers = {}
    for name, none, threshold in (("answer", False, 0.0), ("none", True, 0.0), ("rarely none", True, 4.0)):
        with tempfile.TemporaryDirectory() as folder:
            files = [str(Path(folder) / f"{part}.json") for part in ("best", "n_best", "odds")]
            best = squad_metrics.compute_predictions_logits(
                [example], features, results, 20, LONGEST, True, *files, False, none, threshold, tokenizer
            )
            n_best = json.loads(Path(files[1]).read_text(encoding="utf-8"))["q"]
            difference = json.loads(Path(files[2]).read_text(encoding="utf-8"))["q"] if none else None
        answers[name] = {
            "threshold": threshold if none else None,
            "best": best["q"],
            "n_best": [[each["text"], each["probability"]] for each in n_best],
            "difference": difference,
        }
    return {
        "context": context,
        "ids": [each.input_ids[: len(each.tokens)] for each in features],
        "kept": [[int(place) for place, most in each.token_is_max_context.items() if most] for each in features],
        "start_logits": [each.start_logits for each in results],
        "end_logits": [each.end_logits for each in results],
        "answers": answers,
    }


if __name__ == "__main__":
    main()
