"""The texts that every export is checked on, and that any port of it can be checked on."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasbert.errors import BundleError

NAME = "golden.json"
MOST = 4096
"""Numbers of an output by token that are recorded of a text: the vectors of a long text would be megabytes."""

TEXTS = [
    "",
    "Good.",
    "a lovely film",
    "The room was clean, the staff were kind, and breakfast was served until eleven.",
    "I would not buy this again, even at half the price!",
    'He said: "it\'s 3.5 times better" (and it cost $1,299.00).',
    "UPPER CASE and lower case, don't-you-think?",
    "Café Müller, naïve façade, Ångström, piñata, Đà Nẵng",
    "Не стоит тратить на это время.",
    "这家餐厅的菜很好吃，服务也不错。",
    "駅の近くに静かな公園があります。",
    "الخدمة كانت ممتازة",
    "정말 즐거운 하루였다",
    "tabs\tand\nnew lines   and \u00a0 odd\u200b spaces",
    "emoji 😀👍🏽 and symbols ½ × √2 ≈ 1.414",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    " ".join(
        ["A sentence that goes on, well beyond what a phone would show, to fill every position of the model;"] * 40
    ),
    " ".join(f"word{number}" for number in range(300)),
]
PAIRS = [
    ("Is the shop open on Sunday?", "It is open every day from nine to five."),
    ("A short first text.", TEXTS[-2]),
    (TEXTS[-2], "A short second text."),
]


def write(model, folder: Path) -> None:
    """Records texts, ids and the Keras model's outputs as golden.json.

    Keras answers each text alone, so hardly padded; `.tflite` files answer it padded to their length, and the others
    once alone and once beside longer texts. Of outputs by token a row holds those at its `places`, the first token and
    the last among them; never padding, which means nothing.
    """
    texts = [*TEXTS, *(first for first, _ in PAIRS)]
    pairs = [*([None] * len(TEXTS)), *(second for _, second in PAIRS)]
    by_token = model.task.by_token
    rows = []
    for text, pair in zip(texts, pairs, strict=True):
        second = None if pair is None else [pair]
        ids = model.tokenizer([text], second, max_length=model.max_length)["input_ids"][0]
        row = {"text": text, "pair": pair, "input_ids": ids.tolist()}
        outputs = {name: output[0] for name, output in model.predict_outputs([text], second).items()}
        if by_token:
            widest = max(output[0].size for name, output in outputs.items() if name in by_token)
            row["places"] = _spread(len(ids), at_most=max(2, MOST // widest))
        for name, output in outputs.items():
            row[name] = (output[row["places"]] if name in by_token else output).tolist()
        rows.append(row)
    (folder / NAME).write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _spread(count: int, *, at_most: int) -> list[int]:
    """Numbers from 0 to count - 1, both ends among them, at even distances."""
    return np.linspace(0, count - 1, min(count, at_most)).round().astype(int).tolist()


def read(folder: Path, outputs: Sequence[str], by_token: Sequence[str] = ()) -> list[dict]:
    """The rows of golden.json: `text`, `pair`, `input_ids`, and the outputs by name, as arrays.

    Those of `outputs` that are by token are recorded at the row's `places`.

    Raises:
        BundleError: it is missing or not whole.
    """
    path = folder / NAME
    try:
        rows = [
            {name: row[name] for name in ("text", "pair", "input_ids")}
            | ({"places": row["places"]} if by_token else {})
            | {name: np.float32(row[name]) for name in outputs}
            for row in json.loads(path.read_text(encoding="utf-8"))
        ]
        np.stack([len(row["input_ids"]) for row in rows])  # one row at least
        for name in outputs:
            if name not in by_token:
                np.stack([row[name] for row in rows])  # all of one length
            elif any(len(row[name]) != len(row["places"]) for row in rows):
                raise ValueError(f"{name} is not at the places of its row")
        return rows
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{path}: the recorded answers cannot be read ({error}); export again") from None
