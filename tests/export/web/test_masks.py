"""Masks on the page, in Node.js: the rows, words and texts of the library, for word pieces and for byte pairs."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from kerasbert.export.web.characters import describe_characters
from kerasbert.tasks.fill_mask import GOLDEN, TASK, Settings
from kerasbert.tokenizers import BytePairTokenizer, WordPieceTokenizer

ROBERTA = Path(__file__).parents[2] / "tokenizers" / "fixtures" / "roberta"
SCRIPT = """
    import { BytePair } from "./bytepair.js";
    import { WordPiece } from "./wordpiece.js";
    import { decode, rows } from "./tasks/fill-mask.js";
    const tokenizer = asked.description
      ? new BytePair(asked.description) : new WordPiece(asked.vocabulary, asked.characters, []);
    const found = asked.cases.map(({ text, outputs }) => {
      const made = rows(tokenizer, [text], asked.settings);
      const answer = decode([{ texts: [text], rows: made, outputs }], asked.settings);
      return [made.map(({ input_ids, mlm_positions }) => [input_ids, mlm_positions]), answer.scores, answer.text];
    });
"""


def word_pieces() -> WordPieceTokenizer:
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *letters,
        *(f"##{letter}" for letter in letters),
        "the",
        ".",
    ]
    return WordPieceTokenizer(pieces)


@pytest.mark.parametrize("targets", [(), ("t", "a")])
@pytest.mark.parametrize("make", [word_pieces, lambda: BytePairTokenizer.read(ROBERTA)], ids=["pieces", "byte pairs"])
def test_rows_and_words_are_those_of_the_library(make, targets, in_node, tmp_path):
    tokenizer, draw = make(), np.random.default_rng(6)
    settings = Settings(max_length=24, top_k=2, targets=targets)
    cases = []
    for example in GOLDEN:
        rows = TASK.rows(tokenizer, example, settings)
        logits = draw.normal(0, 2, (len(rows), tokenizer.vocab_size))
        logits[:, tokenizer.id_of("mask")] = -9
        cases.append((example, rows, logits))
    tokenizer.save(tmp_path)
    asked = {"settings": asdict(settings)}
    asked["cases"] = [
        {"text": example.fields["text"], "outputs": [{"logits": row.tolist()} for row in logits]}
        for example, _, logits in cases
    ]
    if tokenizer.kind == "bytepair":
        asked["description"] = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    else:
        asked |= {"vocabulary": "\n".join(tokenizer.pieces), "characters": describe_characters(tokenizer.options())}
    for (example, rows, logits), (ours, scores, text) in zip(cases, in_node(SCRIPT, asked), strict=True):
        assert ours == [[row.inputs["input_ids"], row.inputs["mlm_positions"]] for row in rows]
        answers = TASK.decode(example, rows, {"logits": logits}, settings)
        answers = answers if len(rows) > 1 else [answers]
        wanted = [each for answer in answers for each in answer]
        assert [score[1] for score in scores] == pytest.approx([each["score"] for each in wanted])
        words = [name.partition(": ")[2] if len(rows) > 1 else name for name, *_ in scores]
        assert words == [each["token_str"].strip().removeprefix("##") for each in wanted]
        assert "[MASK]" not in text
        assert "<mask>" not in text
        for answer in answers:
            assert answer[0]["token_str"].strip().removeprefix("##") in text
