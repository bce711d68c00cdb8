"""The loop in the graph writes the texts and the scores of NumPy's greedy search over the same functions."""

import numpy as np
import pytest
import tensorflow as tf

from kerasbert.tasks.generating import write
from kerasbert.tasks.seq2seq import Settings
from kerasbert.tf.greedy import write_greedily

VOCABULARY, WIDTH, START, END, MOST = 11, 6, 1, 2, 14
DRAW = np.random.default_rng(8)
TABLE, SOURCE, PAST = (DRAW.normal(size=(n, WIDTH)).astype("float32") for n in (VOCABULARY, WIDTH, WIDTH))
HEAD = DRAW.normal(size=(WIDTH, VOCABULARY)).astype("float32")
MASK = (np.arange(9) < np.array([[3], [4], [9], [6], [1], [7], [2]])).astype("int32")
BATCH = {"input_ids": DRAW.integers(3, VOCABULARY, MASK.shape, "int32") * MASK, "attention_mask": MASK}


def encoder(batch: dict) -> dict:
    """A table of vectors, those of padding wrong on purpose."""
    return {
        "memory": tf.gather(TABLE, batch["input_ids"])
        + 9.0 * (1.0 - tf.cast(batch["attention_mask"], tf.float32))[..., None]
    }


def decoder_step(batch: dict) -> dict:
    """Sums over the source and over the tokens before. Places of the cache from `decoder_position` on are masked."""
    entry, cache = tf.gather(TABLE, batch["decoder_input_ids"]), batch["cache"]
    source = tf.reduce_sum(batch["memory"] * tf.cast(batch["attention_mask"], tf.float32)[..., None], axis=1)
    places = tf.range(tf.shape(cache)[1])[None]
    seen = tf.cast(places < batch["decoder_position"][:, None], tf.float32) * tf.cast(places + 1, tf.float32)
    past = tf.reduce_sum(cache * seen[..., None], axis=1)
    return {"logits": (entry + (source @ SOURCE + past @ PAST) / 4) @ HEAD, "cache_entry": entry + 0.0}


def chosen(**changes) -> Settings:
    own = {"max_length": 9, "decoder_start_token_id": START, "eos_token_id": END, "max_new_tokens": MOST}
    return Settings(**{**own, "num_beams": 1, **changes})


def written(settings: Settings, batch: dict, going=None) -> tuple:
    """What the loop writes in a graph: a list of ids per row, the scores, and whether the texts have ended."""

    def function(memory, mask, going):
        return write_greedily(decoder_step, memory, mask, going, settings)

    taken = [tf.TensorSpec((None, None, WIDTH)), tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.bool)]
    graph = tf.function(function, autograph=False, input_signature=taken)
    going = np.ones(len(batch["attention_mask"]), bool) if going is None else going
    tokens, lengths, scores, ended = (
        x.numpy() for x in graph(encoder(batch)["memory"], batch["attention_mask"], going)
    )
    assert tokens.shape[1] - lengths.max(initial=0) in (0, 1)  # one more only where the rules leave no token
    return [row[:length].tolist() for row, length in zip(tokens, lengths, strict=True)], scores, ended


def written_by_host(settings: Settings, batch: dict) -> tuple[list, list]:
    runs = {"encoder": encoder, "decoder_step": decoder_step}
    found = write(
        {name: lambda given, run=run: {key: x.numpy() for key, x in run(given).items()} for name, run in runs.items()},
        batch,
        settings,
    )
    return [texts[0].tolist() for texts in found["sequences"]], [scores[0] for scores in found["scores"]]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"min_new_tokens": 4},
        {"min_new_tokens": MOST - 1},
        *({"no_repeat_ngram_size": size} for size in (1, 2, 3, 4, 20)),
        {"no_repeat_ngram_size": 1, "min_new_tokens": 12},
        {"length_penalty": 0.0},
        {"length_penalty": -1.5},
        {"max_new_tokens": 1},
    ],
    ids=str,
)
def test_texts_and_scores_are_those_of_the_host(changes):
    settings = chosen(**changes)
    (texts, scores, ended), (wanted, their_scores) = written(settings, BATCH), written_by_host(settings, BATCH)
    assert texts == wanted
    np.testing.assert_allclose(scores, their_scores, rtol=1e-5, atol=1e-6)
    assert ended.tolist() == [text[-1] == END for text in wanted]


def test_the_cases_are_not_all_alike():
    """Else the test above would not see a row that ends while others go on, or a rule that does nothing."""
    plain, *_ = written(chosen(), BATCH)
    assert len({len(text) for text in plain}) > 3
    assert {text[-1] == END for text in plain} == {True, False}
    for changes in ({"min_new_tokens": 4}, *({"no_repeat_ngram_size": size} for size in (1, 2, 3))):
        assert written(chosen(**changes), BATCH)[0] != plain
    stuck, _, ended = written(chosen(no_repeat_ngram_size=1, min_new_tokens=12), BATCH)
    assert {len(text) for text in stuck} == {VOCABULARY - 2}  # all tokens but the start and the end
    assert not ended.any()


def test_a_row_does_not_depend_on_the_others():
    texts, scores, _ = written(chosen(), BATCH)
    for row, length in enumerate(MASK.sum(axis=1)):
        alone = {name: values[row : row + 1, :length] for name, values in BATCH.items()}
        (text,), score, _ = written(chosen(), alone)
        assert text == texts[row]
        np.testing.assert_allclose(score[0], scores[row], rtol=1e-5, atol=1e-6)


def test_rows_that_are_not_wanted_get_no_text():
    wanted, scores, _ = written(chosen(), BATCH)
    going = np.arange(len(MASK)) % 2 == 0
    texts, found, ended = written(chosen(), BATCH, going)
    assert texts == [text if goes else [] for text, goes in zip(wanted, going, strict=True)]
    np.testing.assert_allclose(found, np.where(going, scores, 0.0), rtol=1e-5, atol=1e-6)
    assert not ended[~going].any()
    assert written(chosen(), BATCH, np.zeros(len(MASK), bool))[0] == [[]] * len(MASK)


def test_no_rows_give_no_texts():
    texts, scores, ended = written(chosen(no_repeat_ngram_size=2), {name: x[:0, :0] for name, x in BATCH.items()})
    assert (texts, scores.shape, ended.shape) == ([], (0,), (0,))
