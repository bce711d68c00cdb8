"""Models for tests of generation: their logits are numbers from a table, and every text can be enumerated."""

import numpy as np

START, END = 1, 2


class Table:
    """Logits that depend on the last two tokens and on the position.

    Args:
        ending: is added to the logit of `END`.
    """

    def __init__(self, seed: int, vocabulary: int, *, positions: int = 32, ending: float = 0.0):
        draw = np.random.default_rng(seed)
        self.last, self.before = draw.normal(size=(2, vocabulary, vocabulary))
        self.place = draw.normal(size=(positions, vocabulary))
        self.place[:, END] += ending

    def logits(self, text) -> np.ndarray:
        """Float64 (vocabulary,). Args: text: the ids so far with the start token."""
        found = self.last[text[-1]] + self.place[len(text) - 1]
        return found + self.before[text[-2]] if len(text) > 1 else found

    def log_probabilities(self, text) -> np.ndarray:
        logits = self.logits(text)
        return logits - np.log(np.exp(logits).sum())


class Steps:
    """The step of some rows, one table each. It keeps the texts itself, in place of a cache."""

    def __init__(self, *tables: Table):
        self.tables, self.texts = tables, [(row, ()) for row in range(len(tables))]
        self.sizes = []  # number of hypotheses in each call

    def __call__(self, tokens: np.ndarray, origins: np.ndarray) -> np.ndarray:
        assert tokens.dtype == np.int32
        self.texts = [
            (self.texts[i][0], (*self.texts[i][1], int(token))) for token, i in zip(tokens, origins, strict=True)
        ]
        self.sizes.append(len(tokens))
        return np.array([self.tables[row].logits(text) for row, text in self.texts], np.float32)
