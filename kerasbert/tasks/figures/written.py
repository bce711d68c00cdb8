"""Figures of written texts: BLEU and chrF by sacreBLEU (Post 2018), ROUGE by rouge-score (Lin 2004)."""

import re
from collections.abc import Sequence

import numpy as np

from kerasbert.tasks.words import is_cjk

ROUGE = ("rouge1", "rouge2", "rougeL")
NAMES = ("bleu", "chrf", *ROUGE)
_KANA = re.compile("[\u3040-\u30ff]")


def evaluate(texts: Sequence[str], right: Sequence[Sequence[str]]) -> dict[str, float]:
    """Computes the figures of some texts, each from 0 to 1; other programs print 100 times that.

    Args:
        texts: at least one written text.
        right: the right texts of each, at least one.

    Returns:
        `bleu` and `chrf` of all texts together, by sacreBLEU: cased, in its tokens "13a"; in "zh" for Chinese, and by
        character for Japanese. `rouge1`, `rouge2` and `rougeL`: means of F1, of the best right text, with stems of
        English words, or with a token per character for Chinese and Japanese.
    """
    from sacrebleu.metrics import BLEU, CHRF

    tokens = tokens_of([text for each in right for text in each])
    most = max(map(len, right))
    streams = [[each[number] if number < len(each) else None for each in right] for number in range(most)]
    scores = rouge(texts, right)
    return {
        "bleu": BLEU(tokenize=tokens).corpus_score(texts, streams).score / 100,
        "chrf": CHRF().corpus_score(texts, streams).score / 100,
        **{name: float(scores[f"{name}_best"].mean()) for name in ROUGE},
    }


def rouge(
    texts: Sequence[str], right: Sequence[Sequence[str]], *, names: Sequence[str] = ROUGE
) -> dict[str, np.ndarray]:
    """The F1 of ROUGE of each text, from 0 to 1: with stems of English words, or by character in Chinese and Japanese.

    Args:
        texts, right: as in `evaluate`. names: some of `ROUGE`.

    Returns:
        By name of ROUGE with `_best`, of the right text where it is largest, and with `_mean`, of all of its right
        texts: float64 (texts,).
    """
    scorer = _scorer(tokens_of([text for each in right for text in each]), names)
    scores = [[scorer.score(one, text) for one in each] for text, each in zip(texts, right, strict=True)]
    return {
        f"{name}_{what}": np.array([reduce([one[name].fmeasure for one in each]) for each in scores])
        for what, reduce in (("best", np.max), ("mean", np.mean))
        for name in names
    }


def tokens_of(texts: Sequence[str]) -> str:
    """The name of sacreBLEU's tokens for texts: "zh" if most letters are Chinese, "char" for Japanese, else "13a"."""
    letters = [letter for text in texts for letter in text if letter.isalpha()]
    if 2 * sum(map(is_cjk, letters)) <= len(letters):
        return "13a"
    return "char" if any(map(_KANA.match, letters)) else "zh"


class _Characters:
    """Tokens of rouge-score for Chinese and Japanese: a character of these, or another word."""

    def tokenize(self, text: str) -> list[str]:
        return "".join(f" {each} " if is_cjk(each) else each for each in text.lower()).split()


def _scorer(tokens: str, names: Sequence[str]):
    from rouge_score.rouge_scorer import RougeScorer

    if tokens == "13a":
        return RougeScorer(names, use_stemmer=True)
    return RougeScorer(names, tokenizer=_Characters())
