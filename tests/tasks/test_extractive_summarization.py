"""Extractive summarization without a model: sentences and rows, choosing, right answers in their forms, and figures."""

import json
import logging
import re
from itertools import pairwise

import numpy as np
import pytest
from conftest import small_vocabulary, write_csv

from kerasbert.decoding.extracts import best_sentences, oracle
from kerasbert.errors import ConfigError, DataError
from kerasbert.examples.readers import read_examples, read_unlabelled
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.batches import pad_lessons
from kerasbert.tasks.columns import examples_of
from kerasbert.tasks.extractive_summarization import GOLDEN, TASK, Settings
from kerasbert.tasks.lessons import lessons_of
from kerasbert.tasks.remarks import count_cut
from kerasbert.tasks.sources import Source, windows, words_of
from kerasbert.tasks.summaries import Truth, labels_of, likeness_of, right_answer
from kerasbert.tasks.task import Example
from kerasbert.tokenizers import WordPieceTokenizer
from kerasbert.tokenizers.training import train_bytepair

TOKENIZER = WordPieceTokenizer(small_vocabulary())
BYTES = train_bytepair([f" {word}" for word in small_vocabulary()], 400)
SENTENCES = ["the film was good.", "", "it was a long day for the staff.", "we left."]
LONG = [f"the {noun} was {'very ' * size}good." for size, noun in enumerate(["film", "room", "day", "book", "shop"])]


def settings(**changes) -> Settings:
    return Settings(**{"max_length": 48, **changes})


def asked(source, scores, **changes) -> Answered:
    """An example with random outputs that give its sentences these probabilities."""
    example, draw = Example({"source": source}), np.random.default_rng(0)
    rows = TASK.rows(TOKENIZER, example, settings(**changes))
    logits = [draw.normal(0, 9, len(row)) for row in rows]
    for row, numbers in zip(rows, logits, strict=True):
        for number, span in row.answered:
            numbers[span] += np.log(scores[number] / (1 - scores[number])) - numbers[span].mean()
    return Answered(example=example, rows=rows, outputs={"logits": logits})


def decoded(source, scores, **changes) -> dict:
    found = asked(source, scores, **changes)
    return TASK.decode(found.example, found.rows, found.outputs, settings(**changes))


@pytest.mark.parametrize("tokenizer", [TOKENIZER, BYTES], ids=["pieces", "bytes"])
def test_a_row_is_its_sentences_as_each_is_alone(tokenizer):
    (row,) = TASK.rows(tokenizer, Example({"source": SENTENCES}), settings(max_length=64))
    alone = tokenizer.encode([each for each in SENTENCES if each])
    assert row.inputs["input_ids"] == [token for each in alone for token in each.ids]
    assert row.inputs["attention_mask"] == [1] * len(row)
    assert [row.inputs["input_ids"][first] for first in row.firsts] == [tokenizer.id_of("cls")] * 3
    assert [number for number, _ in row.answered] == [0, 2, 3]  # without the empty one
    assert [row.inputs["input_ids"][span] for _, span in row.answered] == [each.ids for each in alone]
    types = [place % 2 for place, each in enumerate(alone) for _ in each.ids]
    assert row.inputs.get("token_type_ids") == (types if tokenizer.has_token_types else None)


@pytest.mark.parametrize("source", GOLDEN, ids=range(len(GOLDEN)))
def test_tokens_and_sentences_are_at_their_places(source):
    known, limit = Source.of(source), 40
    rows = TASK.rows(TOKENIZER, Example({"source": source}), settings(max_length=limit))
    assert all(len(row) <= limit for row in rows)
    answered = [number for row in rows for number, _ in row.answered]
    assert answered == [number for number, sentence in enumerate(known.sentences) if sentence.strip()]
    for row in rows:
        pieces = iter(zip(row.encoding.offsets, row.encoding.word_ids, strict=True))
        words = [known.text[begin:end] for (begin, end), word in pieces if word is not None]
        alone = TOKENIZER.encode(list(row.texts), max_length=limit)
        assert words == [
            sentence[begin:end]
            for sentence, each in zip(row.texts, alone, strict=True)
            for (begin, end), word in zip(each.offsets, each.word_ids, strict=True)
            if word is not None
        ]


def test_sentences_of_a_text_are_parts_of_it():
    text = " He met Dr. Smith.\nThen “he left”. \n\n李开复在北京。他走了！ “Why?” "
    source = Source.of(text)
    assert source.text == text
    assert [text[start:end] for start, end in source.places] == source.sentences
    assert source.sentences == ["He met Dr. Smith.", "Then “he left”.", "李开复在北京。", "他走了！", "“Why?”"]
    assert Source.of(["a b.", "这家。", "c."]).text == "a b.这家。c."


@pytest.mark.parametrize("seed", range(5))
def test_rows_hold_whole_sentences_and_share_at_most_a_quarter(seed):
    draw, most = np.random.default_rng(seed), 40
    sizes = draw.integers(2, most + 1 if seed % 2 else 14, 60).tolist()
    parts = windows(sizes, most)
    assert (parts[0].start, parts[-1].stop) == (0, len(sizes))
    for part in parts:
        assert sum(sizes[part.start : part.stop]) <= most
        assert part.stop == len(sizes) or sum(sizes[part.start : part.stop + 1]) > most  # as many as fit
    for one, other in pairwise(parts):
        assert one.start < other.start <= one.stop < other.stop
        assert sum(sizes[other.start : one.stop]) <= most // 4
    assert windows([], most) == []


def test_a_sentence_is_judged_where_it_has_most_context():
    rows = TASK.rows(TOKENIZER, Example({"source": ["the film was good."] * 30}), settings(max_length=48))
    assert len(rows) > 3
    judged = [number for row in rows for number, _ in row.answered]
    assert judged == list(range(30))
    for row in rows[1:]:
        assert row.answered[0][1].start > 0  # the first sentence of a later row has more context in the row before


def test_a_sentence_longer_than_a_row_is_cut_and_counted():
    source = ["the film was good.", "the film was very very good and the staff was kind."]
    rows = TASK.rows(TOKENIZER, Example({"source": source}), settings(max_length=9))
    assert [len(row) for row in rows] == [7, 9]
    assert rows[1].inputs["input_ids"][-1] == TOKENIZER.id_of("sep")
    assert count_cut(rows) == 1
    assert count_cut(TASK.rows(TOKENIZER, Example({"source": SENTENCES}), settings(max_length=17))) == 0


def test_an_answer_has_the_best_sentences_in_the_order_of_the_text():
    answer = decoded(SENTENCES, [0.4, 0.99, 0.2, 0.7], top_k=2)
    text = "the film was good.  it was a long day for the staff. we left."
    assert answer == {
        "summary_text": "the film was good. we left.",
        "sentences": [
            {"sentence": 0, "text": SENTENCES[0], "score": pytest.approx(0.4), "start": 0, "end": 18},
            {"sentence": 3, "text": SENTENCES[3], "score": pytest.approx(0.7), "start": 53, "end": 61},
        ],
    }
    assert all(text[each["start"] : each["end"]] == each["text"] for each in answer["sentences"])
    assert TASK.same(answer, decoded(SENTENCES, [0.8, 0.9, 0.2, 0.7], top_k=2), settings())
    assert not TASK.same(answer, decoded(SENTENCES, [0.1, 0.9, 0.2, 0.7], top_k=2), settings())
    assert decoded("", [], top_k=2) == {"summary_text": "", "sentences": []}
    assert decoded("李开复走了。他在北京。我们走。", [0.9, 0.1, 0.8], top_k=2)["summary_text"] == "李开复走了。我们走。"


def test_a_long_text_is_answered_as_a_whole():
    scores = np.random.default_rng(1).uniform(0.01, 0.99, 30)
    answer = decoded([f"the room was number {number}." for number in range(30)], scores, top_k=4)
    assert [each["sentence"] for each in answer["sentences"]] != []
    free = decoded([f"the room was number {n}." for n in range(30)], scores, top_k=4, trigram_blocking=False)
    assert [each["sentence"] for each in free["sentences"]] == sorted(np.argsort(-scores)[:4].tolist())
    assert len(answer["sentences"]) == 1  # all share "the room was"


def test_three_words_in_a_row_are_said_once():
    words = [words_of(text) for text in ("The film was GOOD, Bo.", "A film; was good!", "The end.", "the film was")]
    assert words[0] == ["the", "film", "was", "good", "bo"]
    chosen = {"top_k": 3, "trigram_blocking": True}
    assert best_sentences([0.9, 0.8, 0.1, 0.7], words, **chosen) == [0, 2]
    assert best_sentences([0.7, 0.8, 0.1, 0.9], words, **chosen) == [1, 2, 3]
    assert best_sentences([0.9, 0.8, 0.1, 0.7], words, top_k=3, trigram_blocking=False) == [0, 1, 3]
    assert best_sentences([0.5, 0.5, -np.inf, 0.5], words, top_k=2, trigram_blocking=False) == [0, 1]
    assert words_of("李开复 met Ann_Lee's 3½") == ["李", "开", "复", "met", "ann", "lee", "s", "3½"]


def bertsum_oracle(doc_sent_list, abstract, summary_size):
    """`greedy_selection` of nlpyang/BertSum, prepro/data_builder.py, on sentences that are words already."""

    def _get_word_ngrams(n, sentences):
        found = set()
        for sentence in sentences:
            found |= {tuple(sentence[at : at + n]) for at in range(len(sentence) - n + 1)}
        return found

    def cal_rouge(evaluated, reference):
        overlapping = len(evaluated & reference)
        precision = overlapping / len(evaluated) if evaluated else 0.0
        recall = overlapping / len(reference) if reference else 0.0
        return 2.0 * precision * recall / (precision + recall + 1e-8)

    max_rouge, selected = 0.0, []
    grams = [[_get_word_ngrams(n, [sent]) for sent in doc_sent_list] for n in (1, 2)]
    reference = [_get_word_ngrams(n, [abstract]) for n in (1, 2)]
    for _ in range(summary_size):
        cur_max, cur_id = max_rouge, -1
        for i in range(len(doc_sent_list)):
            if i in selected:
                continue
            candidates = [set.union(*(each[idx] for idx in [*selected, i])) for each in grams]
            score = sum(cal_rouge(*pair) for pair in zip(candidates, reference, strict=True))
            if score > cur_max:
                cur_max, cur_id = score, i
        if cur_id == -1:
            return selected
        selected.append(cur_id)
        max_rouge = cur_max
    return sorted(selected)


@pytest.mark.parametrize("seed", range(20))
def test_the_oracle_is_bertsums(seed):
    draw = np.random.default_rng(seed)
    sentences = [draw.choice(list("abcdefghijklmn"), draw.integers(1, 9)).tolist() for _ in range(7)]
    summary = draw.choice(list("abcdefghijklmn"), 10).tolist()
    assert oracle(sentences, summary, most=3)[0] == sorted(bertsum_oracle(sentences, summary, 3))
    assert oracle(sentences, ["x"], most=3) == ([], 0.0)


@pytest.mark.parametrize(
    ("truth", "wanted"),
    [
        ([1, 0, 0, 1], Truth((1, 0, 0, 1), ())),
        ("we left", Truth(None, ("we left",))),
        (["we left", "bye"], Truth(None, ("we left", "bye"))),
        ("[1, 0, 0, 1]", Truth((1, 0, 0, 1), ())),
        ('["we left", "bye"]', Truth(None, ("we left", "bye"))),
        ({"target": ["we left"], "source_labels": [0, 0, 0, 1]}, Truth((0, 0, 0, 1), ("we left",))),
        ({"source_labels": np.array([True, False, False, True])}, Truth((1, 0, 0, 1), ())),
        ([1, 0], "4 sentences but 2 labels; give one for each, and the source as a list of sentences"),
        ({"target": "we left", "source_labels": ["a"]}, "the labels are ['a']; give a 0 or a 1 for each sentence"),
        ({"label": 1}, "{'label': 1} has other keys than target and source_labels"),
        ([], "there is neither a summary nor a label; give target or source_labels"),
        (
            ["a", " "],
            "the right answer is ['a', ' ']; give a summary, a list of summaries, or a 0 or a 1 for each sentence",
        ),
        (3, "the right answer is 3; give a summary, a list of summaries, or a 0 or a 1 for each sentence"),
        ([0, 2], "the right answer is [0, 2]; give a summary, a list of summaries, or a 0 or a 1 for each sentence"),
    ],
)
def test_right_answers_have_many_forms(truth, wanted):
    example = Example({"source": SENTENCES}, truth, 3, "a.jsonl")
    if isinstance(wanted, str):
        with pytest.raises(DataError, match=f"^{re.escape(f'a.jsonl, line 3: {wanted}')}$"):
            right_answer(example)
        return
    assert right_answer(example) == wanted
    (graph,) = TASK.graphs(settings())
    (of_keras,) = examples_of(TASK, settings(), graph, [SENTENCES], [truth])
    assert right_answer(of_keras) == wanted


def test_what_is_learned_of_sentences():
    summary = "the staff had a long day"
    bare, both = Example({"source": SENTENCES}, [summary, "x"]), Example({"source": SENTENCES}, [1, 0, 0, 1])
    np.testing.assert_array_equal(labels_of(bare), [0, 0, 1, 0])
    np.testing.assert_array_equal(labels_of(both), [1, 0, 0, 1])
    np.testing.assert_array_equal(likeness_of(both), [1, 0, 0, 1])
    # "a long day", "the staff" and 2 + 1 of their pairs are shared by 8 and by 6 words; of the first sentence, "the".
    best, first = (2 * 5 / (8 + 6) + 2 * 3 / (7 + 5)) / 2, 2 * 1 / (4 + 6) / 2
    np.testing.assert_allclose(likeness_of(bare), [first / best, 0, 1, 0], rtol=1e-6)
    (row,) = TASK.rows(TOKENIZER, bare, settings())
    for soft, values in ((True, likeness_of(bare)), (False, labels_of(bare))):
        inputs, targets, weights = TASK.targets(TOKENIZER, row, settings(soft_targets=soft))
        assert inputs is row.inputs
        assert weights == {"logits": len(row)}
        wanted = [
            value for number, span in row.answered for value in [values[number]] * len(row.inputs["input_ids"][span])
        ]
        np.testing.assert_array_equal(targets["logits"], wanted)


def test_each_token_is_learned_once():
    examples = [Example({"source": LONG * 3}, [1, 0, 0, 0, 0] * 3), Example({"source": "we left."}, "we left")]
    (graph,) = TASK.graphs(settings())
    groups = lessons_of(TASK, TOKENIZER, examples, settings(max_length=32), graph=graph)
    _, targets, weights = pad_lessons(groups, graph)
    assert len(groups) > 3
    tokens = sum(len(each.ids) for each in TOKENIZER.encode([*LONG * 3, "we left."]))
    assert (targets["logits"] >= 0).sum() == weights["logits"].sum() == tokens
    np.testing.assert_array_equal((targets["logits"] >= 0).sum(1), weights["logits"])


def test_files_have_labels_summaries_or_both(tmp_path, caplog):
    lines = [{"source": SENTENCES, "source_labels": [0, 0, 1, 0], "target": ["a day", "we left"], "title": "x"}] * 2
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in lines), encoding="utf-8")
    examples = read_examples(path, TASK)
    assert right_answer(examples[0]) == Truth((0, 0, 1, 0), ("a day", "we left"))
    rows = [(json.dumps(SENTENCES), "[0, 0, 1, 0]"), ("We left. We came.", "[1, 0]")]
    labelled = read_examples(write_csv(tmp_path / "b.csv", rows, ("source", "source_labels")), TASK)
    assert [right_answer(each).labels for each in labelled] == [(0, 0, 1, 0), (1, 0)]
    with caplog.at_level(logging.INFO, "kerasbert"):
        TASK.check(labelled, settings())
    assert caplog.text == ""
    summaries = write_csv(tmp_path / "c.csv", [("[1] We left. We came.", "we left")], ("text", "summary"))
    bare = read_examples(summaries, TASK)
    said = "1 of 1 texts have no labels; the sentences that raise ROUGE with a summary most, up to 3, are 1"
    assert list(TASK.remarks(bare, settings(soft_targets=False))) == [said]
    assert list(TASK.remarks(bare, settings())) == []  # of summaries, ROUGE itself is learned
    assert list(TASK.remarks(examples, settings())) == ["2 sentences without text, which no summary takes"]
    plain = tmp_path / "d.txt"
    plain.write_text("We left. We came.\n\n", encoding="utf-8")
    assert [each.fields["source"] for each in read_unlabelled(plain, TASK)] == ["We left. We came.", ""]


def test_figures_are_those_of_rouge_score_of_the_best_summary_and_of_all():
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
    right = [["the films were good", "we left"], ["days were long"]]
    answered = []
    for scores, each in zip(([0.9, 0.1, 0.2, 0.3], [0.1, 0.1, 0.9, 0.3]), right, strict=True):
        found = asked(SENTENCES, scores)
        example = Example(found.example.fields, each)
        answered.append(Answered(example=example, rows=found.rows, outputs=found.outputs))
    figures = TASK.figures(answered, settings(top_k=1))
    assert list(figures) == list(TASK.metrics(None))
    texts = [SENTENCES[0], SENTENCES[2]]
    for name in ("rouge1", "rouge2", "rougeL"):
        scores = [
            [scorer.score(one, text)[name].fmeasure for one in each] for text, each in zip(texts, right, strict=True)
        ]
        assert figures[f"{name}_best"] == pytest.approx(np.mean([max(each) for each in scores]))
        assert figures[f"{name}_mean"] == pytest.approx(np.mean([np.mean(each) for each in scores]))
    labelled = [
        Answered(example=Example(x.example.fields, [1, 0, 0, 0]), rows=x.rows, outputs=x.outputs) for x in answered
    ]
    assert TASK.figures(labelled[:1], settings(top_k=1))["rouge1_best"] == 1.0


def test_the_number_of_sentences_is_tuned_and_said(caplog):
    found = asked(SENTENCES, [0.9, 0.1, 0.2, 0.3])
    example = Example(found.example.fields, "the film was good and we left")
    answered = [Answered(example=example, rows=found.rows, outputs=found.outputs)]
    with caplog.at_level(logging.INFO, "kerasbert"):
        assert TASK.tune(answered, settings(top_k=5)) == settings(top_k=2)
    assert "top_k is 2, the best ROUGE-1 on the held-out texts (" in caplog.text


def test_how_probable_an_answer_is():
    found = asked(SENTENCES, [0.4, 0.5, 0.2, 0.7])
    given = (found.example, found.rows, found.outputs, settings())
    assert TASK.probability(*given, {"sentences": [{"sentence": 0}, {"sentence": 3}]}) == pytest.approx(1.1)


def test_settings_have_limits():
    with pytest.raises(ConfigError, match=r"^top_k is 0: use 1 or more$"):
        settings(top_k=0)
