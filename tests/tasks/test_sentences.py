"""Sentences of books, lists, Chinese; many documents at once as each alone."""

import random

import pytest

from kerasbert.tasks import sentences
from kerasbert.tasks.sentences import SPLITTERS, split_by_icu, split_by_lines


def test_lines_of_a_hard_wrapped_book_are_joined_and_paragraphs_are_not():
    book = "CHAPTER ONE\n\nIt was late. The\nlight was low, and\nno one came.\n \t\n   \n“Who?” he said.\n"
    assert split_by_icu([book], wrapped=True) == [
        ["CHAPTER ONE", "It was late.", "The light was low, and no one came.", "“Who?”", "he said."]
    ]


def test_each_line_is_a_paragraph_where_text_is_not_wrapped():
    assert split_by_icu(["Title\nOne. Two\nthree."], wrapped=False) == [["Title", "One.", "Two", "three."]]


@pytest.mark.parametrize(
    "sentence",
    [
        "Mr. Smith met Mrs. Jones and Prof. Hill.",
        "It cost 3.50 dollars, i.e. too much.",
        "Capt. Bly came on Jan. 5 at 5 p.m. with Col. Ross.",
        "He left the U.S. army, vs. Him, for Acme Inc. and others.",
    ],
)
def test_abbreviations_numbers_and_quotations_end_no_sentence(sentence):
    assert split_by_icu([f"{sentence} {sentence}"], wrapped=True) == [[sentence, sentence]]


def test_chinese_and_japanese_sentences_need_no_spaces():
    text = "这是第一句。这是第二句！“你好吗？”他说。最后一句"
    assert split_by_icu([text], wrapped=False) == [["这是第一句。", "这是第二句！", "“你好吗？”", "他说。", "最后一句"]]
    assert split_by_icu(["これは文です。次の文です。"], wrapped=False) == [["これは文です。", "次の文です。"]]


def test_lines_are_sentences_where_the_user_says_so():
    assert split_by_lines(["One. two\n\n  Three \n", "\n"], wrapped=True) == [["One. two", "Three"], []]


def generated_text(draw: random.Random) -> str:
    pieces = [
        "Mr.",
        "Dr. ",
        "word",
        " ",
        " ",
        "\n",
        "\n\n",
        ". ",
        "? ",
        "。",
        "中文",
        "😀",
        "A",
        "\u2029",
        "\u2028",
        "\t",
        "”",
    ]
    return "".join(draw.choices(pieces, k=draw.randrange(30)))


@pytest.mark.parametrize("name", SPLITTERS)
@pytest.mark.parametrize("wrapped", [True, False])
def test_many_documents_at_once_are_split_as_each_alone(name, wrapped, monkeypatch):
    draw = random.Random(2)
    texts = [generated_text(draw) for _ in range(600)]
    split = SPLITTERS[name]
    alone = [split([text], wrapped=wrapped)[0] for text in texts]
    assert split(texts, wrapped=wrapped) == alone
    monkeypatch.setattr(sentences, "_CHARACTERS", 50)
    assert split(texts, wrapped=wrapped) == alone
    assert split([], wrapped=wrapped) == []


@pytest.mark.parametrize("name", SPLITTERS)
def test_no_character_but_space_is_lost(name):
    draw = random.Random(3)
    for _ in range(300):
        text = generated_text(draw)
        (found,) = SPLITTERS[name]([text], wrapped=True)
        assert "".join("".join(found).split()) == "".join(text.split())
        assert all(sentence == sentence.strip() != "" for sentence in found)


@pytest.mark.parametrize("name", ["Dr. Watson", "St. Ives", "Gen. Lee", "J. K. Jerome", "Mme. Bovary", "Mr. Pickwick"])
def test_titles_and_initials_stay_with_the_name(name):
    found = split_by_icu([f"We met {name} today. He left.", "Next."], wrapped=True)
    assert found == [[f"We met {name} today.", "He left."], ["Next."]]


def test_a_title_at_the_end_of_a_paragraph_ends_the_sentence():
    assert split_by_icu(["So did I. Ask the Dr.\n\nShe knows.", "A."], wrapped=True) == [
        ["So did I.", "Ask the Dr.", "She knows."],
        ["A."],
    ]
