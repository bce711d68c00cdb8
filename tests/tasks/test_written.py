"""Figures of written texts: those of sacreBLEU's and rouge-score's own documentation and command lines."""

import numpy as np
import pytest

from kerasbert.tasks.figures.written import NAMES, evaluate, tokens_of

REFERENCES = [
    ["The dog bit the man.", "The dog had bit the man."],
    ["It was not unexpected.", "No one was surprised."],
    ["The man bit him first.", "The man had bitten the dog."],
]
"""sacreBLEU's README, "Using SacreBLEU from Python"."""
SYSTEM = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]


def test_bleu_and_chrf_are_those_of_sacrebleus_readme():
    found = evaluate(SYSTEM, REFERENCES)
    assert found.keys() == set(NAMES)
    assert found["bleu"] * 100 == pytest.approx(48.530827, abs=1e-5)
    assert found["chrf"] * 100 == pytest.approx(59.73, abs=0.01)


def test_rouge_is_that_of_its_readme():
    """rouge-score's README: precision 0.75 and recall 0.666..., of 8 and 9 words of which 6 are common."""
    found = evaluate(["The quick brown dog jumps on the log."], [["The quick brown fox jumps over the lazy dog"]])
    assert found["rouge1"] == pytest.approx(2 * 0.75 * (2 / 3) / (0.75 + 2 / 3))
    assert found["rougeL"] == pytest.approx(2 * 0.625 * (5 / 9) / (0.625 + 5 / 9))


def test_the_best_right_text_counts_and_texts_may_have_different_numbers_of_them():
    one = evaluate(["a cat sleeps now", "the dog"], [["a cat sleeps now"], ["a dog", "the dog"]])
    assert one == pytest.approx(dict.fromkeys(NAMES, 1.0))


def test_a_text_with_fewer_right_texts_is_compared_with_these_alone():
    """With an empty right text beside it, a short text would be as long as it has to be."""
    texts, right = ["a cat sleeps on"], [["a cat sleeps on the old chair tonight"]]
    assert evaluate([*texts, "x y z v"], [*right, ["x y z v", "x"]])["bleu"] == pytest.approx(np.exp(1 - 12 / 8))


@pytest.mark.parametrize(
    ("texts", "tokens"),
    [
        (["Ein Hund bellt.", "好"], "13a"),
        (["这家餐厅的菜很好吃，服务也不错。", "ABC"], "zh"),
        (["駅の近くに静かな公園があります。"], "char"),
        (["", "123"], "13a"),
    ],
)
def test_tokens_follow_from_the_right_texts(texts, tokens):
    assert tokens_of(texts) == tokens


def test_chinese_texts_are_compared_by_character():
    found = evaluate(["他在路上走着。", "你好世界"], [["他在路上走。"], ["你好世界"]])
    assert found["rouge1"] == pytest.approx((2 * 6 / 13 + 1) / 2)
    assert 0.5 < found["bleu"] < 1
    spaced = evaluate(["他 在 路 上 走 着 。", "你 好 世 界"], [["他在路上走。"], ["你好世界"]])
    assert spaced["bleu"] == pytest.approx(found["bleu"])
