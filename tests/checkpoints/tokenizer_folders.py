"""Tokenizer folders in which several files declare added tokens and settings; used by a test and by the recording."""

import json
import shutil
from pathlib import Path

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [*SPECIAL, "[unused1]", "<url>", "the", "film", "is", "good", "[", "]", "e1", "<", ">", "ur", "##l", "x"]
PLAIN = {"do_lower_case": True, "tokenizer_class": "BertTokenizer"}
URL = {"content": "<url>", "lstrip": False, "rstrip": False, "single_word": False}
ROBERTA = Path(__file__).parents[1] / "tokenizers" / "fixtures" / "roberta"
TEXTS = ["the film [E1] is good", "the<url>film", "<URL> is [unused1]x", "the</s>film x", "", "[E2][E1] the", " the"]

WORDPIECE = {
    "added_tokens.json": {
        "added_tokens.json": {"[E1]": len(PIECES), "[E2]": len(PIECES) + 1},
        "special_tokens_map.json": {"additional_special_tokens": ["[E1]", "[E2]"]},
        "tokenizer_config.json": PLAIN,
    },
    "special_tokens_map.json": {
        "special_tokens_map.json": {"additional_special_tokens": ["[unused1]"], "unk_token": "[UNK]"},
        "tokenizer_config.json": PLAIN,
    },
    "decoder, in the vocabulary": {
        "tokenizer_config.json": {
            **PLAIN,
            "added_tokens_decoder": {"6": {**URL, "normalized": True, "special": False}},
        },
    },
    "decoder, as written": {
        "tokenizer_config.json": {
            **PLAIN,
            "added_tokens_decoder": {"6": {**URL, "normalized": False, "special": False}},
        },
    },
    "decoder, behind the vocabulary": {
        "tokenizer_config.json": {
            **PLAIN,
            "added_tokens_decoder": {
                "20": {**URL, "content": "[E1]", "normalized": False, "special": True},
                "19": {**URL, "content": "[E2]", "normalized": False, "special": True},
            },
        },
    },
    "a list without ids": {"tokenizer_config.json": {**PLAIN, "additional_special_tokens": ["[E1]", "[E2]"]}},
    "a list of transformers 5": {"tokenizer_config.json": {**PLAIN, "extra_special_tokens": ["[E2]", "[unused1]"]}},
    "a token with a role": {"tokenizer_config.json": {**PLAIN, "eos_token": "</s>", "bos_token": "[CLS]"}},
    "no lower case": {"tokenizer_config.json": {**PLAIN, "do_lower_case": False}},
}
BYTEPAIR = {
    "added_tokens.json": {
        "added_tokens.json": {"[E1]": 700, "[E2]": 701},
        "special_tokens_map.json": {"additional_special_tokens": ["[E1]", "[E2]"]},
        "tokenizer_config.json": {"tokenizer_class": "RobertaTokenizer"},
    },
    "a space first": {"tokenizer_config.json": {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": True}},
    "decoder": {
        "tokenizer_config.json": {
            "tokenizer_class": "RobertaTokenizer",
            "added_tokens_decoder": {"700": {**URL, "normalized": False, "special": True}},
        }
    },
}

ADDED = {"added": (["Covid", "le x", "filmo"], False), "special": (["[E1]", "<Url2>"], True)}
"""Name -> tokens that are added to a folder without further files, and whether they are special."""
ADDED_TEXTS = [*TEXTS, "covids, le x and LE X", "a filmography", "COVID<url2> <Url2>x [e1]"]


def make_wordpiece(folder: Path, files: dict) -> None:
    """A folder with `PIECES` as vocab.txt, and some JSON files."""
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in PIECES), encoding="utf-8")
    _write(folder, files)


def make_bytepair(folder: Path, files: dict) -> None:
    """A folder with the small byte-pair vocabulary of the fixtures, and some JSON files."""
    shutil.copytree(ROBERTA, folder)
    _write(folder, files)


def _write(folder: Path, files: dict) -> None:
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")


MAKERS = {"wordpiece": (make_wordpiece, WORDPIECE), "bytepair": (make_bytepair, BYTEPAIR)}
