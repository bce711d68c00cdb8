"""Text to text: rows and targets, texts written over a cache, long sources, answers and figures."""

import dataclasses
import json

import numpy as np
import pytest
from decoding.tables import Steps

from kerasbert.decoding.beams import beam_search
from kerasbert.decoding.generation import Rules
from kerasbert.errors import ConfigError, DataError
from kerasbert.tasks import generating
from kerasbert.tasks.ask import Answered, ask, outputs_of
from kerasbert.tasks.batches import pad_lessons, pad_rows
from kerasbert.tasks.lessons import lessons_of
from kerasbert.tasks.remarks import count_cut
from kerasbert.tasks.seq2seq import TASK, Settings, training_graph
from kerasbert.tasks.task import Example
from kerasbert.tokenizers import WordPieceTokenizer

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh", ".", "##x", "人", "好"]
TOKENIZER = WordPieceTokenizer(PIECES)
START, END = PIECES.index("[CLS]"), PIECES.index("[SEP]")
SIZE = len(PIECES)


def settings(**values):
    return Settings(**{"max_length": 12, "decoder_start_token_id": START, "eos_token_id": END, **values})


class Model:
    """A model whose logits depend on the whole source and on all tokens so far, by way of memory and cache."""

    def __init__(self, seed=0, ending=0.0, bias=()):
        draw = np.random.default_rng(seed)
        self.source, self.past, self.own = draw.normal(size=(3, SIZE, SIZE))
        self.bias = draw.normal(size=SIZE) + ending * (np.arange(SIZE) == END)
        self.steps = 0

    def runs(self):
        return {"encoder": self.encoder, "decoder_step": self.decoder_step}

    def encoder(self, batch):
        assert {each.dtype for each in batch.values()} == {np.dtype("int32")}
        return {"memory": np.eye(SIZE, dtype=np.float32)[batch["input_ids"]]}

    def decoder_step(self, batch):
        names = ["decoder_input_ids", "decoder_position", "attention_mask", "memory", "cache"]
        assert [graph.name for graph in TASK.graphs(None)] == ["encoder", "decoder_step"]
        assert list(batch) == names == [each.name for each in TASK.graphs(None)[1].inputs]
        (position,) = set(batch["decoder_position"].tolist())
        _, places, width = batch["cache"].shape
        assert (places, width) == (max(position, 1), SIZE)
        self.steps += 1
        entry = np.eye(SIZE, dtype=np.float32)[batch["decoder_input_ids"]]
        weights = np.arange(1.0, places + 1) * (np.arange(places) < position)
        past = np.einsum("npw,p->nw", batch["cache"], weights)
        source = (batch["memory"] * batch["attention_mask"][..., None]).sum(axis=1)
        return {"logits": self.logits(source, past, entry), "cache_entry": entry}

    def logits(self, source, past, own):
        return np.float32(source @ self.source / 4 + past @ self.past / 8 + own @ self.own + self.bias)


class Whole:
    """The same logits from the ids of a source and of a text, without memory and cache."""

    def __init__(self, model, ids):
        self.model, self.counts = model, np.eye(SIZE)[ids].sum(axis=0)

    def logits(self, text):
        past = sum(((place + 1) * np.eye(SIZE)[token] for place, token in enumerate(text[:-1])), np.zeros(SIZE))
        return self.model.logits(self.counts, past, np.eye(SIZE)[text[-1]])


SOURCES = ["a b c", "h", "d e f g h a b", "c c", "b a . c"]


def answered(model, sources, chosen, **batching):
    examples = TASK.examples(sources)
    return list(outputs_of(TASK, TOKENIZER, model.runs(), examples, chosen, graphs=TASK.graphs(chosen), **batching))


def answers(model, sources, chosen, **batching):
    examples = TASK.examples(sources)
    return list(ask(TASK, TOKENIZER, model.runs(), examples, chosen, graphs=TASK.graphs(chosen), **batching))


@pytest.mark.parametrize("most", [generating.MOST_NUMBERS, 1])
@pytest.mark.parametrize("beams", [1, 3])
def test_texts_are_those_of_a_model_that_reads_the_whole_text_each_time(beams, most, monkeypatch):
    monkeypatch.setattr(generating, "MOST_NUMBERS", most)
    model, chosen = Model(ending=2.0), settings(num_beams=beams, num_return_sequences=beams, max_new_tokens=9)
    rules = Rules(start=START, end=END, most=9)
    found = answered(model, SOURCES, chosen)
    for each, source in zip(found, SOURCES, strict=True):
        whole = Whole(model, TOKENIZER.encode([source])[0].ids)
        (wanted,) = beam_search(Steps(whole), 1, rules, beams=beams)
        assert [x.tolist() for x in each.outputs["sequences"][0]] == [x.tokens.tolist() for x in wanted]
        np.testing.assert_allclose(each.outputs["scores"][0], [x.score for x in wanted], rtol=1e-4)


@pytest.mark.parametrize("chosen", [settings(), settings(do_sample=True, num_return_sequences=2)])
def test_an_answer_does_not_depend_on_its_batch(chosen):
    model = Model(ending=1.0)
    together = answers(model, SOURCES, chosen)
    assert together == [answers(model, [source], chosen)[0] for source in SOURCES]
    assert together == answers(model, SOURCES, chosen, batch_rows=2)


def test_a_seed_draws_the_same_texts_and_another_seed_others():
    model, chosen = Model(ending=1.0), settings(do_sample=True)
    first, again = (answers(model, SOURCES, chosen) for _ in "ab")
    assert first == again
    assert first != answers(model, SOURCES, dataclasses.replace(chosen, sampling_seed=1))


def test_an_answer_that_was_stopped_says_so():
    (stopped,) = answers(Model(ending=-1e9), ["a"], settings(max_new_tokens=5))
    assert stopped["finished"] is False
    assert len(TOKENIZER.encode([stopped["generated_text"]])[0]) <= 7
    (ended,) = answers(Model(ending=50.0), ["a"], settings())
    assert ended["finished"] is True
    assert ended["generated_text"] == ""
