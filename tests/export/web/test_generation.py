"""The page's writing of texts in Node.js: texts, scores and sentences of the library."""

import json
import random
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from decoding.tables import END, START, Steps, Table

from kerasbert.decoding.beams import beam_search
from kerasbert.decoding.generation import Rules
from kerasbert.export.web.characters import describe_characters
from kerasbert.tasks.generating import CachedSteps
from kerasbert.tasks.sentences import split_by_icu
from kerasbert.tasks.seq2seq import GOLDEN, TASK, Settings, decode
from kerasbert.tasks.task import Example
from kerasbert.tokenizers import BytePairTokenizer, WordPieceTokenizer
from kerasbert.tokenizers.wordpiece import read_vocab

TOKENIZERS = Path(__file__).parents[2] / "tokenizers" / "fixtures"
WIDTH, PLACES = 6, 7

CASES = [
    {"beams": beams, "penalty": penalty, "most": 8, "least": least, "no_repeat": no_repeat, "ending": ending}
    for beams, penalty in ((1, 1.0), (2, 0.0), (4, 1.0), (5, -0.5), (20, 2.0))
    for least, no_repeat, ending in ((0, 0, 1.0), (3, 2, 1.0), (7, 1, 3.0), (0, 3, -9.0))
]
WRITE = """
    import { beamSearch } from "./generation.js";
    const found = [];
    for (const { table, beams, penalty, most, least, no_repeat } of asked) {
      let texts = [[]];
      const step = async (tokens, origins) => {
        texts = origins.map((origin, place) => [...texts[origin], tokens[place]]);
        return texts.map((text) => Float32Array.from(table.place[text.length - 1], (value, token) =>
          value + table.last[text.at(-1)][token] + (text.length > 1 ? table.before[text.at(-2)][token] : 0)));
      };
      const rules = { start: 1, end: 2, most, least, noRepeat: no_repeat };
      found.push(await beamSearch(step, rules, beams, penalty));
    }
"""


def test_beams_write_the_librarys_texts_with_its_scores(in_node):
    tables = [Table(seed, 7, ending=case["ending"]) for seed, case in enumerate(CASES)]
    numbers = [{name: getattr(table, name).tolist() for name in ("last", "before", "place")} for table in tables]
    found = in_node(WRITE, [{**case, "table": table} for case, table in zip(CASES, numbers, strict=True)])
    for case, table, ours in zip(CASES, tables, found, strict=True):
        rules = Rules(start=START, end=END, **{name: case[name] for name in ("most", "least", "no_repeat")})
        (wanted,) = beam_search(Steps(table), 1, rules, beams=case["beams"], length_penalty=case["penalty"])
        assert [each["tokens"] for each in ours] == [each.tokens.tolist() for each in wanted], case
        assert [each["score"] for each in ours] == pytest.approx([each.score for each in wanted], abs=1e-6)
    assert any(not text["tokens"] or text["tokens"][-1] != END for texts in found for text in texts)


def test_equal_numbers_come_in_the_order_of_their_places(in_node):
    script = (
        'import { bestPlaces } from "./generation.js"; const found = bestPlaces([[1, 3, 3], [3, 2, -Infinity]], 9);'
    )
    assert in_node(script, None) == [[0, 1, 3], [0, 2, 3], [1, 0, 3], [1, 1, 2], [0, 0, 1]]


def test_a_cache_holds_the_entries_of_its_own_text(in_node):
    """The steps are given what the library gives them, wherever a text goes on from another one."""
    draw = np.random.default_rng(4)
    memory, mask = draw.normal(size=(1, 3, WIDTH)).astype("float32"), np.ones((1, 3), "int32")
    moves = [[0], [0, 0, 0], [2, 1], [1, 1, 0], [0, 2]]
    calls = [{"tokens": draw.integers(3, 11, len(each)).tolist(), "origins": each} for each in moves]
    entries = [draw.normal(size=(len(each), WIDTH)).astype("float32") for each in moves]
    given, answers = [], iter(entries)

    def run(batch: dict) -> dict:
        count = len(batch["cache"])
        given.extend({name: value[place].ravel().tolist() for name, value in batch.items()} for place in range(count))
        return {"logits": np.zeros((count, 2), "float32"), "cache_entry": next(answers)}

    steps = CachedSteps(run, mask, memory)
    for call in calls:
        steps(np.array(call["tokens"], "int32"), np.array(call["origins"]))
    script = """
        import { cachedSteps } from "./generation.js";
        const found = [], entries = asked.entries.flat();
        const run = async (rows) => rows.map((inputs) => {
          const listed = (value) => (typeof value === "number" ? [value] : Array.from(value));
          found.push(Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, listed(value)])));
          return { logits: [0, 0], cache_entry: Float32Array.from(entries.shift()) };
        });
        const step = cachedSteps(run, [1, 1, 1], Float32Array.from(asked.memory), asked.places, async () => {});
        for (const { tokens, origins } of asked.calls) await step(tokens, origins);
    """
    asked = {"calls": calls, "entries": [each.tolist() for each in entries]}
    asked |= {"memory": memory.ravel().tolist(), "places": PLACES}
    assert in_node(script, asked) == given


WORDS = """
    Mr. Dr. J. I. U.S. etc. Ltd. vs. No. a.m. Ph.D. St. Smith then Then went 3.5 5. “So “ ” " ( ) 「 你好。 世界 ！ 😀
    e.g. Prof. Co. in In. on. Sgt. Hon. OK. ... ? ! ?! Ökonom É. Mrs. Lt. M. app. Berlin. 2. Van and Gb. O.
"""


def test_sentences_are_the_librarys(in_node):
    draw, words = random.Random(0), [*WORDS.split(), "\n", "\n\n"]
    texts = [
        "".join(draw.choice(words) + draw.choice((" ", " ", " ", "  ", "")) for _ in range(12)) for _ in range(400)
    ]
    texts += ["", " ", "One. Two.", "He said “Go. Now.” Then (so he says.) he left."]
    script = 'import { sentences } from "./sentences.js"; const found = asked.map(sentences);'
    for text, ours, wanted in zip(texts, in_node(script, texts), split_by_icu(texts, wrapped=False), strict=True):
        assert ours == wanted, text


def test_abbreviations_keep_a_sentence_whole(in_node):
    script = 'import { ABBREVIATIONS } from "./sentences.js"; const found = ABBREVIATIONS;'
    texts = [f"He saw {each} Then he left." for each in in_node(script, None)]
    assert split_by_icu(texts, wrapped=False) == [[text] for text in texts]


OPEN = """
    import * as task from "./tasks/seq2seq.js";
    import { BytePair } from "./bytepair.js";
    import { WordPiece } from "./wordpiece.js";
    const { description, vocabulary, characters, added, settings } = asked;
    const tokenizer = vocabulary ? new WordPiece(vocabulary, characters, added) : new BytePair(description);
"""


@pytest.fixture(scope="module", params=["word pieces", "byte pairs"])
def tokenizer(request):
    if request.param == "byte pairs":
        return BytePairTokenizer.read(TOKENIZERS / "roberta")
    added = [{"content": "<e1>", "normalized": False, "special": False}]
    return WordPieceTokenizer(read_vocab(TOKENIZERS / "vocab.txt"), added_tokens=added)


@pytest.fixture(scope="module")
def by_the_page(in_node, tokenizer, tmp_path_factory):
    """`by_the_page(script, **asked)` -> what a script finds that has the `task` of the page and the `tokenizer`."""
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save(folder)
    opened = {"description": json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))}
    if tokenizer.kind == "wordpiece":
        options = tokenizer.options()
        opened["vocabulary"] = (folder / "vocab.txt").read_bytes().decode()
        opened |= {"characters": describe_characters(options), "added": options["added_tokens"]}
    return lambda script, **asked: in_node(OPEN + script, {**opened, **asked})


def settings_of(tokenizer, **changes) -> Settings:
    return Settings(max_length=16, **TASK.of_tokenizer(tokenizer), **changes)


@pytest.mark.parametrize("split", [True, False])
def test_a_long_source_has_the_librarys_rows(tokenizer, by_the_page, split):
    settings = settings_of(tokenizer, split_sentences=split)
    texts = [*GOLDEN, "", " \n", "One day. " * 9, f"A short one. {'a long one ' * 20}. The end."]
    script = (
        "const found = asked.texts.map((text) => task.rows(tokenizer, [text], settings).map((row) => row.input_ids));"
    )
    found = by_the_page(script, texts=texts, settings=asdict(settings))
    wanted = [TASK.rows(tokenizer, Example({"source": text}), settings) for text in texts]
    assert found == [[row.inputs["input_ids"] for row in rows] for rows in wanted]
    assert {len(rows) > 1 for rows in wanted} == {split, False}


@pytest.mark.parametrize("count", [1, 3])
def test_the_texts_of_ids_are_the_librarys(tokenizer, by_the_page, count):
    """Of one row and of several, with words, marks, parts of words and special tokens in any order."""
    draw = np.random.default_rng(2)
    settings = settings_of(tokenizer, num_return_sequences=count)
    end, (chinese,) = settings.eos_token_id, tokenizer.piece_ids(["\u4f60\u597d\u3002 It's <e1> don't, \u00e9! ' s"])
    ids = [[draw.integers(0, tokenizer.vocab_size, 12).tolist() for _ in range(count)] for _ in range(60)]
    ids += [[[*draw.permutation(chinese).tolist(), end]] * count for _ in range(20)] + [[[], [end], [5]][:count]]
    scores = -draw.random((len(ids), count)).cumsum(axis=1)
    places = [[], *([place] for place in range(len(ids))), [0, 1], [61, 62, 63], [62, 3]]
    script = """
        const output = (place) => asked.ids[place].map((tokens, at) => ({ tokens, score: asked.scores[place][at] }));
        const found = asked.places.map((places) =>
          task.answers(places.map(() => ({ tokenizer })), places.map(output), settings));
    """
    found = by_the_page(script, ids=ids, scores=scores.tolist(), places=places, settings=asdict(settings))
    (row,) = TASK.rows(tokenizer, Example({"source": "a"}), settings)
    for ours, chosen in zip(found, places, strict=True):
        outputs = {"sequences": [[np.array(each, "int32") for each in ids[place]] for place in chosen]}
        outputs["scores"] = [scores[place] for place in chosen]
        wanted = decode(Example({"source": "a"}), [row] * len(chosen), outputs, settings)
        for text, answer in zip(ours, wanted if count > 1 else [wanted], strict=True):
            assert text["text"] == answer["generated_text"]
            assert (text["score"], text["finished"]) == (pytest.approx(answer["score"]), answer["finished"])


def test_an_answer_is_compared_by_text_and_score(tokenizer, by_the_page):
    settings = settings_of(tokenizer)
    ((first, *_),) = tokenizer.piece_ids(["a"])
    script = """
        const run = { rows: [{ tokenizer }], outputs: [[{ tokens: [asked.first, settings.eos_token_id], score: -1 }]] };
        const compared = (generated_text, score) => task.compare(run, { answer: { generated_text, score } }, settings);
        const text = task.answers(run.rows, run.outputs, settings)[0].text;
        const found = [[text, -1], [text, -1.25], ["another", -1]].map((answer) => compared(...answer));
    """
    found = by_the_page(script, first=first, settings=asdict(settings))
    assert [(each["same"], each["difference"]) for each in found] == [(True, 0), (False, 0.25), (False, 1)]
