"""Text to text: rows and targets, texts written over a cache, long sources, answers and figures."""

import dataclasses

import numpy as np
import pytest
from decoding.tables import Steps

from kerasbert.decoding.beams import beam_search
from kerasbert.decoding.generation import Rules
from kerasbert.errors import ConfigError, DataError, KerasBertError
from kerasbert.tasks import generating
from kerasbert.tasks.ask import Answered, ask, outputs_of
from kerasbert.tasks.batches import pad_lessons
from kerasbert.tasks.lessons import lessons_of
from kerasbert.tasks.remarks import count_cut, warn_unlearned
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


@pytest.mark.parametrize("chosen", [settings(), settings(do_sample=True)])
def test_logits_that_are_no_numbers_are_an_error_and_no_text(chosen):
    with pytest.raises(KerasBertError, match="the decoder's logits of token 1 are no numbers: the weights are damaged"):
        answers(Model(ending=float("nan")), SOURCES, chosen)


# Sources and targets.


def rows(source, **values):
    return TASK.rows(TOKENIZER, Example({"source": source}), settings(**values))


def ids_of(text):
    return [PIECES.index(piece) for piece in text.split()]


def test_a_source_that_fits_is_one_row_and_an_empty_one_has_none():
    (row,) = rows("a b. c.")
    assert row.inputs["input_ids"] == ids_of("[CLS] a b . c . [SEP]")
    (joined,) = rows(["a b.", "c."])
    assert joined.inputs == row.inputs
    assert rows(" ") == []
    with pytest.raises(DataError, match=r"^a.tsv, line 3: the source is empty; give it some text, or leave the line"):
        TASK.rows(TOKENIZER, Example({"source": " "}, "a", 3, "a.tsv"), settings())


def test_a_long_source_is_answered_sentence_by_sentence_or_cut():
    long = "A b c d e f. G h a b c d. E f."
    split = rows(long)
    assert [row.inputs["input_ids"][1:-1] for row in split] == [
        ids_of(text) for text in ("a b c d e f .", "g h a b c d .", "e f .")
    ]
    assert count_cut(split) == 0
    (cut,) = rows(long, split_sentences=False)
    assert cut.inputs["input_ids"] == ids_of("[CLS] a b c d e f . g h a [SEP]")
    assert count_cut([cut]) == 1
    without_end = rows("a " * 25)
    assert [len(row) for row in without_end] == [12, 12, 7]


def test_the_answer_to_a_long_source_joins_its_sentences():
    sources = ["A b c d e f. G h a b c d. E f.", "a b"]
    chosen = settings(num_return_sequences=2)
    model = Model(ending=2.0)
    long, short = answers(model, sources, chosen)
    apart = answers(model, ["a b c d e f.", "g h a b c d.", "e f."], chosen)
    for best in range(2):
        texts = [each[best]["generated_text"] for each in apart]
        assert long[best]["generated_text"] == " ".join(texts)
        assert long[best]["score"] == pytest.approx(np.mean([each[best]["score"] for each in apart]))
    assert short == answers(model, ["a b"], chosen)[0]


def test_an_empty_source_has_an_empty_answer_whatever_stands_beside_it():
    model = Model(ending=2.0)
    nothing = {"generated_text": "", "score": 0.0, "finished": True}
    assert answers(model, ["a", "", "b"], settings())[1] == nothing
    assert answers(model, [" "], settings(num_return_sequences=2)) == [[nothing, nothing]]
    assert answers(model, ["a", "", "b"], settings())[::2] == answers(model, ["a", "b"], settings())


def lessons(pairs, **values):
    examples = [Example({"source": source}, target) for source, target in pairs]
    chosen = settings(**values)
    return lessons_of(TASK, TOKENIZER, examples, chosen, graph=training_graph(chosen))


def test_the_decoder_sees_each_token_and_learns_the_next():
    batch = pad_lessons(lessons([("a b c", "d e"), ("f", ["g h . a", "b"])]), training_graph(settings()))
    inputs, targets, weights = batch
    assert inputs["input_ids"].tolist() == [ids_of("[CLS] a b c [SEP]"), [*ids_of("[CLS] f [SEP]"), 0, 0]]
    seen = [[*ids_of("[CLS] d e"), 0, 0], ids_of("[CLS] g h . a")]
    assert inputs["decoder_input_ids"].tolist() == seen
    assert targets["logits"].tolist() == [[*ids_of("d e [SEP]"), 0, 0], ids_of("g h . a [SEP]")]
    assert weights["logits"].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert {inputs["decoder_input_ids"].dtype, targets["logits"].dtype} == {np.dtype("int32")}


def test_a_long_source_is_learned_as_far_as_it_fits_and_a_long_target_does_not_end():
    ((lesson,),) = lessons([("A b c d e f. G h a b c d. E f.", "a b c d e f")], max_new_tokens=4)
    assert lesson.row.inputs["input_ids"] == ids_of("[CLS] a b c d e f . g h a [SEP]")
    assert count_cut([lesson.row]) == 1
    assert lesson.row.inputs["decoder_input_ids"] == ids_of("[CLS] a b c")
    assert lesson.targets["logits"].tolist() == ids_of("a b c d")


def test_targets_that_were_cut_are_counted(caplog):
    examples = [
        Example({"source": "a"}, target, line, "train.tsv") for line, target in enumerate(("a b c d", "a b"), 2)
    ]
    for most, wanted in ((4, ["train.tsv: 1 of 2 targets were cut, at 4 tokens"]), (5, [])):
        chosen = settings(max_new_tokens=most)
        made = lessons_of(TASK, TOKENIZER, examples, chosen, graph=training_graph(chosen))
        caplog.clear()
        warn_unlearned(TASK, examples, made, chosen)
        assert caplog.messages == wanted


def test_whether_long_sources_are_split_follows_from_the_targets():
    def decided(source, target):
        return TASK.observe([Example({"source": source}, target)], {})["split_sentences"]

    assert decided("a cat sleeps", "eine Katze schläft")
    assert decided("a cat sleeps in the sun", "a cat sleeps")
    assert decided("A cat sleeps in the sun.", "猫在太阳下睡觉。")  # 8 characters for 24
    assert not decided("a cat sleeps, and a dog too, and so does the mouse", "animals sleep")


def test_texts_begin_and_end_with_the_special_tokens_of_the_tokenizer():
    assert TASK.of_tokenizer(TOKENIZER) == {"decoder_start_token_id": START, "eos_token_id": END}


def test_settings_that_transformers_stored_are_read():
    config = {"decoder_start_token_id": 5, "eos_token_id": 6, "num_beams": 3, "length_penalty": 2.0, "top_k": 9}
    assert TASK.stored(config, None) == {name: config[name] for name in list(config)[:4]}
    assert TASK.stored({"decoder_start_token_id": None, "max_length": None, "min_length": 0}, None) == {}
    assert TASK.stored({"max_length": 20, "min_length": 6}, None) == {"max_new_tokens": 19, "min_new_tokens": 5}
    assert TASK.stored({"max_length": 20, "max_new_tokens": 8}, None) == {"max_new_tokens": 8}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_beams": 0}, "num_beams is 0: use 1 or more"),
        ({"top_p": 1.5}, "top_p is 1.5: use 1 or less"),
        ({"length_penalty": float("nan")}, "length_penalty is nan: use -10 or more"),
        ({"temperature": float("nan")}, "temperature is nan: use 0.01 or more"),
        ({"min_new_tokens": 9, "max_new_tokens": 9}, "min_new_tokens is 9: use less than max_new_tokens, 9"),
        (
            {"max_new_tokens": 9, "max_target_positions": 8},
            "max_new_tokens is 9: use 1 to 8, the model's places for the tokens of a text",
        ),
        (
            {"num_return_sequences": 5},
            "num_return_sequences is 5: use 4 or less, the number of beams, or do_sample",
        ),
    ],
)
def test_a_setting_that_is_not_allowed_is_named(values, message):
    with pytest.raises(ConfigError) as caught:
        settings(**values)
    assert str(caught.value) == message


# Answers and figures.


def answer_of(tokenizer, text, chosen):
    row, *_ = TASK.rows(tokenizer, Example({"source": "a"}), chosen)
    ids = np.array([*tokenizer.piece_ids([text])[0], chosen.eos_token_id], np.int32)
    outputs = {"sequences": [[ids]], "scores": [np.array([-0.5])]}
    return TASK.decode(row.example, [row], outputs, chosen)


def test_chinese_has_no_spaces_between_its_characters():
    assert answer_of(TOKENIZER, "人 好 a b 人好.", settings())["generated_text"] == "人好a b人好."


def test_answers_are_the_same_if_text_and_score_are():
    a = {"generated_text": "a b", "score": -0.5, "finished": True}
    assert TASK.same(a, {**a, "score": -0.55}, settings())
    assert not TASK.same(a, {**a, "score": -0.8}, settings())
    assert not TASK.same(a, {**a, "generated_text": "a c"}, settings())
    assert TASK.same([a, a], [a, {**a, "generated_text": "a c"}], settings())


def test_figures_compare_the_best_text_with_all_right_ones():
    chosen = settings(num_return_sequences=2)
    (row,) = rows("a")
    answer = {
        "sequences": [[np.array([*ids_of(text), END]) for text in ("a b c d e", "h")]],
        "scores": [np.array([-0.1, -0.9])],
    }
    examples = [dataclasses.replace(row.example, truth=truth) for truth in (["h", "a b c d e"], "a b c d f")]
    found = TASK.figures([Answered(example=each, rows=[row], outputs=answer) for each in examples], chosen)
    assert found.keys() == TASK.metrics(None).keys()
    assert found["rouge1"] == pytest.approx((1 + 0.8) / 2)
    assert found["rouge2"] == pytest.approx((1 + 0.75) / 2)
    assert 0.5 < found["bleu"] < 1


def test_windows_of_a_long_run_do_not_end_for_the_encoders_memory(monkeypatch):
    """A window sorts by length; the memory of its rows is gone when they are answered."""
    monkeypatch.setattr("kerasbert.tasks.ask.MOST_NUMBERS", 50)
    sizes = []
    model = Model(ending=9.0)
    runs = {**model.runs(), "encoder": lambda batch: sizes.append(len(batch["input_ids"])) or model.encoder(batch)}
    graphs = [
        dataclasses.replace(graph, outputs=tuple(dataclasses.replace(x, width=SIZE) for x in graph.outputs))
        for graph in TASK.graphs(None)
    ]
    list(ask(TASK, TOKENIZER, runs, TASK.examples(["a b"] * 40), settings(), graphs=graphs))
    assert sizes == [40]
