"""Masks that are filled: answers as transformers has them, targets, windows of long texts, masks to learn from."""

import json
from pathlib import Path

import numpy as np
import pytest

from kerasbert import MaskFiller
from kerasbert.errors import ConfigError, DataError, TokenizerError
from kerasbert.examples.readers import read_examples
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.batches import pad_lessons, pad_rows
from kerasbert.tasks.fill_mask import TASK, Settings, figures, rows, target_ids, targets
from kerasbert.tasks.lessons import lessons_of
from kerasbert.tasks.remarks import count_cut
from kerasbert.tasks.task import Example
from kerasbert.tokenizers import WordPieceTokenizer

FIXTURES = Path(__file__).parents[1] / "parity" / "fixtures"
RECORDED = json.loads((Path(__file__).parent / "fill_mask.json").read_text(encoding="utf-8"))["answers"]
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{number}" for number in range(30)), "##ing"]
MASK = PIECES.index("[MASK]")
SETTINGS = Settings(max_length=12)


@pytest.fixture(scope="module")
def tokenizer():
    return WordPieceTokenizer(PIECES)


def made(tokenizer, text, settings=SETTINGS):
    return rows(tokenizer, *TASK.examples([text]), settings)


def words(*numbers) -> str:
    return " ".join("[MASK]" if number is None else f"w{number}" for number in numbers)


@pytest.mark.parametrize("folder", RECORDED)
def test_answers_are_those_of_transformers(folder):
    for case in RECORDED[folder]:
        model = MaskFiller.from_pretrained(FIXTURES / folder, **case["settings"])
        (found,) = model.predict_text([case["text"]])
        several = isinstance(case["answer"][0], list)
        for ours, theirs in zip(*((x if several else [x]) for x in (found, case["answer"])), strict=True):
            assert [{**each, "score": pytest.approx(each["score"], rel=1e-4)} for each in theirs] == ours


@pytest.mark.parametrize(
    ("text", "seen", "position"),
    [
        (words(1, None, 2), words(1, None, 2), 2),
        (words(*range(4), None, *range(5, 30)), words(*range(4), None, *range(5, 10)), 5),  # begins with the text
        (words(*range(20), None, *range(21, 30)), words(*range(15, 20), None, *range(21, 25)), 6),
        (words(*range(28), None, 29), words(*range(20, 28), None, 29), 9),  # ends with it
    ],
)
def test_a_long_text_is_seen_around_the_mask(tokenizer, text, seen, position):
    (row,) = made(tokenizer, text)
    wanted = tokenizer.encode([seen])[0].ids
    assert row.inputs == {
        "input_ids": wanted,
        "attention_mask": [1] * len(wanted),
        "token_type_ids": [0] * len(wanted),
        "mlm_positions": [position],
    }
    assert wanted[position] == MASK
    assert count_cut([row]) == (seen != text)
    logits = np.eye(len(PIECES), dtype="float32")[PIECES.index("w7")]
    (best, *_) = TASK.decode(row.example, [row], {"logits": [logits]}, SETTINGS)
    assert best["sequence"] == text.replace("[MASK]", "w7")  # the answer has the whole text


def test_a_long_text_with_several_masks_is_counted_as_cut(tokenizer):
    assert count_cut(made(tokenizer, words(*range(20), None, None, *range(22, 30)))) == 1
    assert count_cut(made(tokenizer, words(None, None))) == 0


def test_each_mask_is_a_row_that_sees_the_others(tokenizer):
    found = made(tokenizer, words(None, 3, None))
    assert [row.inputs["mlm_positions"] for row in found] == [[1], [3]]
    assert [row.inputs["input_ids"][1:-1] for row in found] == [[MASK, PIECES.index("w3"), MASK]] * 2
    batch = pad_rows(found, TASK.graphs(SETTINGS)[0], round_to=16)
    assert (batch["mlm_positions"].shape, batch["input_ids"].shape) == ((2, 1), (2, 16))


def test_what_cannot_be_answered_is_told_in_one_line(tokenizer):
    with pytest.raises(TokenizerError, match=r"^an example: no \[MASK\] in 'w1 w2'; put it where a word is wanted$"):
        made(tokenizer, words(1, 2))
    with pytest.raises(ConfigError, match=r"^the vocabulary of 4 tokens has no \[MASK\], which masking needs$"):
        made(WordPieceTokenizer(PIECES[:4]), words(None))
    for target, pieces in (("w3 w4", "'w3', 'w4'"), ("w99", r"'\[UNK\]'"), (" ", "nothing")):
        with pytest.raises(TokenizerError, match=rf"^targets: '{target}' is no token of the vocabulary, but {pieces};"):
            target_ids(tokenizer, (target,))
    for wrong in ({"top_k": 0}, {"targets": "w1"}, {"targets": (1,)}):
        with pytest.raises(ConfigError, match=f"^{next(iter(wrong))} is "):
            Settings(max_length=12, **wrong)
    with pytest.raises(ConfigError, match=r"^targets: word 2 of 2 is empty; leave it out$"):
        Settings(max_length=12, targets=("w1", ""))


def test_targets_are_tokens_or_words_that_are_read_as_one(tokenizer):
    found = target_ids(tokenizer, ("##ing", "W3", "w3", "[MASK]"))
    assert found == tuple(map(PIECES.index, ("##ing", "w3", "[MASK]")))


def test_a_text_to_learn_from_is_masked_as_in_pretraining_and_anew_in_each_epoch(tokenizer):
    settings = Settings(max_length=102)
    (row,) = rows(tokenizer, *TASK.to_learn(TASK.examples([words(*range(30), *range(30), *range(30))])), settings)
    ids = np.array(row.encoding.ids)
    drawn, kinds = set(), {"mask": 0, "same": 0, "other": 0}
    for epoch in range(40):
        inputs, right, weights = targets(tokenizer, row, settings, epoch)
        count = int(weights["logits"].sum())
        positions = np.array(inputs["mlm_positions"])
        assert len(positions) == 16  # as many in every row
        assert count in (13, 14)  # 15 % of 90, rounded by a coin
        assert not positions[count:].any()
        np.testing.assert_array_equal(right["logits"][:count], ids[positions[:count]])
        changed = np.array(inputs["input_ids"])
        assert set(np.flatnonzero(changed != ids)) <= set(positions[:count])
        for place in positions[:count]:
            kind = "mask" if changed[place] == MASK else "same" if changed[place] == ids[place] else "other"
            kinds[kind] += 1
        drawn.add(tuple(positions))
    assert len(drawn) == 40
    total = sum(kinds.values())
    assert kinds["mask"] / total == pytest.approx(0.8, abs=0.06)
    assert kinds["same"] / total == pytest.approx(0.1, abs=0.05)
    again, *_ = targets(tokenizer, row, settings, 3)
    assert again == targets(tokenizer, row, settings, 3)[0]


def test_lessons_of_an_epoch_have_their_own_masks(tokenizer):
    texts = [words(*range(10)), words(*range(5)), words(*range(9, 0, -1)), ""]
    lessons = lessons_of(TASK, tokenizer, TASK.examples(texts), SETTINGS, graph=TASK.graphs(SETTINGS)[0])
    assert len(lessons) == 3  # an empty text has nothing to mask

    def positions(epoch: int) -> list:
        inputs, right, weights = pad_lessons([[x.drawn(epoch)] for (x,) in lessons], TASK.graphs(SETTINGS)[0])
        assert right["logits"].shape == weights["logits"].shape == inputs["mlm_positions"].shape == (3, 2)
        return inputs["mlm_positions"].tolist()

    assert positions(1) == positions(1)
    assert len({str(positions(epoch)) for epoch in range(5)}) > 1


def test_a_text_is_measured_by_one_masked_token_of_each_window(tokenizer):
    example, *_ = TASK.to_learn(TASK.examples([words(*range(25))]))
    found = rows(tokenizer, example, SETTINGS)
    assert [len(row) for row in found] == [12, 12, 7]
    assert count_cut(found) == 0
    for row, again in zip(found, rows(tokenizer, example, SETTINGS), strict=True):
        assert row.inputs == again.inputs
        (place,) = row.inputs["mlm_positions"]
        ids = row.inputs["input_ids"]
        assert (ids.count(MASK), ids[place]) == (1, MASK)
        assert [*ids[:place], row.right, *ids[place + 1 :]] == row.encoding.ids


def test_figures_by_hand(tokenizer):
    example, *_ = TASK.to_learn(TASK.examples([words(*range(20))]))
    found = rows(tokenizer, example, SETTINGS)
    logits = [np.zeros(len(PIECES), "float32") for _ in found]
    logits[0][found[0].right] = 2.0
    answered = Answered(example=example, rows=found, outputs={"logits": logits})
    size = len(PIECES)
    losses = [np.log(np.exp(2.0) + size - 1) - 2.0, np.log(size)]
    wanted = {"accuracy": 0.5, "perplexity": pytest.approx(np.exp(np.mean(losses)), rel=1e-6)}
    assert figures([answered], SETTINGS) == wanted
    kept = TASK.brief(answered, SETTINGS)
    assert [numbers.size for (name, rows) in kept.outputs.items() for numbers in rows] == [2, 2]  # no logits of words
    assert figures([kept], SETTINGS) == wanted


def test_a_text_to_learn_from_without_a_token_to_mask_has_an_answer(tokenizer):
    """The gate decodes and compares the texts that the figures are measured on."""
    (example,) = TASK.to_learn(TASK.examples([""]))
    assert rows(tokenizer, example, SETTINGS) == []
    assert TASK.decode(example, [], {"logits": []}, SETTINGS) == []
    assert TASK.same([], [], SETTINGS)
    assert not TASK.same([], [{"token": 3}], SETTINGS)


def test_texts_without_a_token_to_mask_have_no_figures():
    """A perplexity of 0 would be the best one."""
    empty = Answered(example=Example({"text": ""}, True, path="a.jsonl"), rows=[], outputs={"logits": []})
    with pytest.raises(DataError, match=r"^a\.jsonl: no token can be masked, so there is nothing to measure$"):
        figures([empty], SETTINGS)


def test_files_of_texts_need_no_right_answers(tmp_path):
    (tmp_path / "a.txt").write_text("one\u2028text\r\n\n two\n", encoding="utf-8")
    (tmp_path / "a.csv").write_text("review,label\none,1\n", encoding="utf-8")
    found = read_examples(tmp_path / "a.txt", TASK)
    assert [(each.fields["text"], each.truth, each.line) for each in found] == [
        ("one\u2028text", True, 1),
        (" two", True, 3),
    ]
    (example,) = read_examples(tmp_path / "a.csv", TASK)
    assert (example.fields, example.truth) == ({"text": "one"}, True)
    (example,) = read_examples(tmp_path / "a.csv", TASK, labelled=False)
    assert example.truth is None
    (tmp_path / "b.txt").write_text("\n \n", encoding="utf-8")
    with pytest.raises(DataError, match=r"b\.txt: holds no rows$"):
        read_examples(tmp_path / "b.txt", TASK)
