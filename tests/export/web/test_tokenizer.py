"""The page's tokenizer in Node.js: the ids of the library."""

import csv
import importlib.util
import itertools
import json
import unicodedata
from pathlib import Path

import pytest
from peers.vectors import GROUPS, group

from kerasbert.export.web.characters import describe_characters
from kerasbert.tasks.golden import PAIRS, TEXTS
from kerasbert.tasks.task import Example
from kerasbert.tasks.windows import window_rows
from kerasbert.tokenizers import BytePairTokenizer, WordPieceTokenizer
from kerasbert.tokenizers.character_table import read_characters, sorted_marks
from kerasbert.tokenizers.wordpiece import read_vocab

TOKENIZERS = Path(__file__).parents[2] / "tokenizers"
CASES = {
    "lower case": {},
    "cased": {"do_lower_case": False},
    "accents kept, Chinese words": {"strip_accents": False, "tokenize_chinese_chars": False},
}
TOKEN = {"content": "<e1>", "normalized": False, "special": True}


@pytest.fixture(scope="session")
def ids_of(in_node, tmp_path_factory):
    """`ids_of(tokenizer, rows)` -> ids and token types of (text, pair, max_length), by the page's tokenizer."""
    scripts = {
        "wordpiece": """
            import { WordPiece } from "./wordpiece.js";
            const tokenizer = new WordPiece(asked.vocabulary, asked.characters, asked.added_tokens);
        """,
        "bytepair": """
            import { BytePair } from "./bytepair.js";
            const tokenizer = new BytePair(asked.description);
        """,
    }
    script = """
        const joined = (words) => words.slice(1).map((word, place) => word === words[place]);
        const found = asked.rows.map(([text, pair, length]) => {
          const points = (text) => (offset) => [...text.toWellFormed().slice(0, offset)].length;
          const row = tokenizer.encode(text, pair, length);
          const places = pair === null ? row.offsets.map((place) => place.map(points(text))) : null;
          return [row.input_ids, row.token_type_ids, places, joined(row.words)];
        });
    """

    def ask(tokenizer, rows: list) -> list:
        folder = tmp_path_factory.mktemp("tokenizer")
        tokenizer.save(folder)
        asked = {"description": json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")), "rows": rows}
        if tokenizer.kind == "wordpiece":
            asked["vocabulary"] = (folder / "vocab.txt").read_bytes().decode()
            asked["characters"] = describe_characters(tokenizer.options())
            asked["added_tokens"] = tokenizer.options()["added_tokens"]
        return in_node(scripts[tokenizer.kind] + script, asked)

    return ask


def by_the_library(tokenizer, rows: list) -> list:
    found = [None] * len(rows)
    for length in {length for _, _, length in rows}:
        for paired in (False, True):
            places = [i for i, row in enumerate(rows) if row[2] == length and (row[1] is not None) == paired]
            texts, pairs = [rows[i][0] for i in places], [rows[i][1] for i in places] if paired else None
            for i, row in zip(places, tokenizer.encode(texts, pairs, max_length=length), strict=True):
                places = None if paired else [list(place) for place in row.offsets]
                found[i] = [row.ids, row.type_ids, places, [a == b for a, b in itertools.pairwise(row.word_ids)]]
    return found


@pytest.fixture(scope="session")
def strange_texts() -> list[str]:
    spec = importlib.util.spec_from_file_location("generated_texts", TOKENIZERS / "generated_texts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate(500, seed=8)


@pytest.fixture(params=[*CASES, "byte pairs"])
def tokenizer(request):
    if request.param == "byte pairs":
        return BytePairTokenizer.read(TOKENIZERS / "fixtures" / "roberta")
    pieces = read_vocab(TOKENIZERS / "fixtures" / "vocab.txt")
    return WordPieceTokenizer(pieces, added_tokens=[TOKEN], **CASES[request.param])


def known_to_differ(tokenizer, row: list) -> bool:
    """Whether places or words may differ: where NFD moves marks that stay (`kerasbert.tf.wordpiece`), or where letters
    are newer than one of the tables of characters."""
    text = "".join(each for each in row[:2] if each)
    if tokenizer.kind == "bytepair":
        return any(unicodedata.category(character) == "Cn" for character in text)
    table = read_characters(do_lower_case=True, strip_accents=True, tokenize_chinese_chars=True)
    kept = {character for character in text if table.symbols[ord(character)] == ord(character)}
    return bool(sorted_marks(kept))


@pytest.mark.slow
def test_the_pages_tokenizer_gives_the_librarys_ids(tokenizer, ids_of, strange_texts):
    texts = [*strange_texts, *TEXTS, "a <e1>[MASK]b<e1", "an <mask> <mask>too", "lone \ud800 surrogate"]
    rows = [[text, None, 512] for text in texts]
    rows += [[text, pair, (4, 5, 9, 40)[place % 4]] for place, (text, pair) in enumerate(itertools.pairwise(texts))]
    rows += [[*pair, length] for pair in PAIRS for length in (16, 17, 512)]
    found, expected = ids_of(tokenizer, rows), by_the_library(tokenizer, rows)
    wrong = [
        place
        for place, (ours, theirs, row) in enumerate(zip(found, expected, rows, strict=True))
        if ours != theirs and not (ours[:2] == theirs[:2] and known_to_differ(tokenizer, row))
    ]
    assert [(rows[place], found[place], expected[place]) for place in wrong[:3]] == []


@pytest.mark.parametrize("stride", [0, 1, 4])
def test_windows_are_those_of_the_library(stride, ids_of, in_node):
    """Of no token, of one window, of a last window that is full, and of one that is not."""
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abc", "##b"])
    texts = [" ".join("abc"[place % 3] for place in range(count)) for count in (0, 8, 9, 16, 20, 41)] + ["ab" * 30]
    script = """
        import { WordPiece } from "./wordpiece.js";
        const tokenizer = new WordPiece(asked.vocabulary, asked.characters, []);
        const found = asked.texts.map((text) => tokenizer.windows(text, 10, asked.stride).map(
          ({ input_ids, offsets, kept }) => [input_ids, offsets, kept]));
    """
    characters = describe_characters(tokenizer.options())
    asked = {"vocabulary": "\n".join(tokenizer.pieces), "characters": characters, "texts": texts, "stride": stride}
    for text, found in zip(texts, in_node(script, asked), strict=True):
        rows = window_rows(tokenizer, Example({"text": text}), text, max_length=10, stride=stride)
        wanted = [[row.encoding.ids, list(map(list, row.encoding.offsets))] for row in rows]
        assert [each[:2] for each in found] == wanted
        assert [each[2] for each in found] == [[row.kept.start, row.kept.stop] for row in rows]


def test_every_character_becomes_what_the_library_makes_of_it(ids_of):
    characters = [chr(code) for code in range(0x20000) if not 0xD800 <= code < 0xE000]
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "##a", *"éöжᄀ가!", *"o一"])
    rows = [["".join(characters[start : start + 8]).join("aa"), None, 512] for start in range(0, len(characters), 8)]
    assert ids_of(tokenizer, rows) == by_the_library(tokenizer, rows)


def test_real_texts_with_a_real_vocabulary(ids_of, shared_data, minilm):
    with open(shared_data / "sentiment" / "dev.csv", encoding="utf-8", newline="") as stream:
        texts = [row["text"] for row in csv.DictReader(stream)][:300]
    with open(shared_data / "sentiment_zh" / "waimai_10k.csv", encoding="utf-8", newline="") as stream:
        texts += [row["review"] for row in csv.DictReader(stream)][:200]
    tokenizer = WordPieceTokenizer.read(minilm)
    rows = [[text, None, 128] for text in texts]
    assert ids_of(tokenizer, rows) == by_the_library(tokenizer, rows)


@pytest.mark.parametrize("name", GROUPS)
def test_published_ids(name, ids_of, tmp_path):
    published = group(name, tmp_path)
    found = ids_of(published.tokenizer, [[each["text"], each.get("pair"), 512] for each in published.vectors])
    assert [published.published(ids) for ids, *_ in found] == published.rows()
