"""The page's tokenizer in Node.js: the ids of the library."""

import csv
import importlib.util
import itertools
import json
from pathlib import Path

import pytest
from peers.vectors import GROUPS, group

from kerasbert.export.web.characters import describe_characters
from kerasbert.tasks.golden import PAIRS, TEXTS
from kerasbert.tokenizers import BytePairTokenizer, WordPieceTokenizer
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
        const encoded = asked.rows.map((row) => tokenizer.encode(...row));
        const found = encoded.map((row) => [row.input_ids, row.token_type_ids]);
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
                found[i] = [row.ids, row.type_ids]
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


@pytest.mark.slow
def test_the_pages_tokenizer_gives_the_librarys_ids(tokenizer, ids_of, strange_texts):
    texts = [*strange_texts, *TEXTS, "a <e1>[MASK]b<e1", "an <mask> <mask>too", "lone \ud800 surrogate"]
    rows = [[text, None, 512] for text in texts]
    rows += [[text, pair, (4, 5, 9, 40)[place % 4]] for place, (text, pair) in enumerate(itertools.pairwise(texts))]
    rows += [[*pair, length] for pair in PAIRS for length in (16, 17, 512)]
    found, expected = ids_of(tokenizer, rows), by_the_library(tokenizer, rows)
    wrong = [place for place, both in enumerate(zip(found, expected, strict=True)) if both[0] != both[1]]
    assert [(rows[place], found[place], expected[place]) for place in wrong[:3]] == []


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
    assert [published.published(ids) for ids, _ in found] == published.rows()
