"""Records what transformers' BERT and RoBERTa tokenizers give. Needs a Python that has transformers (5.x).

    python tests/tokenizers/record_transformers.py [--vocab NAME=FILE]...

`fixtures/vocab.txt` and `fixtures/roberta/` are small vocabularies made here. `--vocab` adds others, which the tests
look for under the same names: minilm, bert-base-chinese, bert-base-multilingual-cased, in this order. Ids of the
generated strings are kept as one digest for each hundred of them.
"""

import argparse
import hashlib
import json
import unicodedata
from pathlib import Path

import transformers
from generated_texts import generate
from tokenizers import ByteLevelBPETokenizer
from transformers import BertTokenizer, RobertaTokenizer

FIXTURES = Path(__file__).parent / "fixtures"
GENERATED = {"count": 10_000, "seed": 2019}

TEXTS = {
    "English": "The naïve café-owner's résumé wasn't [MASK]; unaffable, he'd re-read O'Reilly's 1,984.5 pages!",
    "German": "Die Straße führt über Köln; GROẞE Mühe, daß ich nicht lache.",
    "Vietnamese": "Việt Nam có rất nhiều món ăn ngon, đặc biệt là phở và bánh mì.",
    "Turkish": "İstanbul'da ılık bir gün; IĞDIR ve Şırnak uzaktadır.",
    "Russian": "Съешь ещё этих мягких французских булок, да выпей чаю. Йод!",
    "Greek": "Ο Σίσυφος ανέβαζε τον βράχο· ΟΔΥΣΣΕΥΣ, ἄνδρα μοι ἔννεπε, Μοῦσα.",
    "Georgian": "ვეფხისტყაოსანი არის ქართული პოემა. ᲗᲑᲘᲚᲘᲡᲘ",
    "Armenian": "Բոլոր մարդիկ ծնվում են ազատ ու հավասար։",
    "Hebrew": "שָׁלוֹם עוֹלָם, זהו משפט בעברית.",
    "Arabic": "مرحبًا بالعالم، هذه جُملةٌ عربية؟",
    "Hindi": "नमस्ते दुनिया, यह हिन्दी का एक वाक्य है। क़लम",
    "Tamil": "வணக்கம் உலகம், இது தமிழ் கொண்டு.",
    "Thai": "สวัสดีชาวโลก นี่คือประโยคภาษาไทย",
    "Korean": "안녕하세요 세계, 이것은 한국어 문장입니다.",
    "Japanese": "こんにちは世界、これは日本語のパーティーです。ｶﾞ",
    "Chinese": "你好，世界！我在北京大学学习abc机器学习。",
    "emoji": "I ❤️ NY 👩‍👩‍👧 and 👍🏽!",
    "controls": "a\u200bb\u00adc\u0000d\ufffde\tf\r\ng\u00a0h\u3000i\u2028j\u0085k",
    "marks": "e\u0301 a\u0323\u0302 a\u0302\u0323 q\u0307\u0323 \u1e9b\u0323",
    "long": "x" * 100 + " " + "x" * 101 + " end",
    "empty": "",
}
OPTIONS = {
    "uncased": {"do_lower_case": True},
    "cased": {"do_lower_case": False},
    "cased, no accents": {"do_lower_case": False, "strip_accents": True},
    "lower, accents": {"do_lower_case": True, "strip_accents": False},
    "Chinese words": {"do_lower_case": True, "tokenize_chinese_chars": False},
}
OF_VOCABULARY = {  # the options that the published vocabularies are used with
    "minilm": ["uncased"],
    "bert-base-chinese": ["uncased"],
    "bert-base-multilingual-cased": ["cased"],
}


def small_vocabulary() -> list[str]:
    """Characters of the texts, alone and inside words, in all forms; beginnings and ends of their words."""
    words = " ".join(TEXTS.values()).split()
    forms = [
        form(word) for word in words for form in (str, str.lower, lambda w: unicodedata.normalize("NFD", w.lower()))
    ]
    bare = ["".join(c for c in form if unicodedata.category(c) != "Mn") for form in forms]
    characters = sorted({c for word in forms + bare for c in word if c.isprintable()})
    starts = sorted({word[:3] for word in forms + bare if word.isalpha() and len(word) >= 3})
    ends = sorted({f"##{word[-2:]}" for word in forms + bare if word.isalpha() and len(word) >= 5})
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *"abcdefghijklmnopqrstuvwxyz",
        *"0123456789",
        "the",
        "##ing",
    ]
    pieces += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz0123456789"]
    return list(dict.fromkeys(pieces + characters + [f"##{c}" for c in characters if c.isalpha()] + starts + ends))


def digests(tokenizer, texts: list[str]) -> list[str]:
    """Eight hexadecimal digits for the ids of each hundred texts."""
    ids = tokenizer(texts)["input_ids"]
    hundreds = (json.dumps(ids[start : start + 100]) for start in range(0, len(ids), 100))
    return [hashlib.sha256(hundred.encode()).hexdigest()[:8] for hundred in hundreds]


def record(tokenizer, generated: list[str], *, types: bool = True, offsets: bool = True) -> dict:
    """Ids of the texts, of pairs, of both cut short; offsets; digests of the generated strings."""
    texts = list(TEXTS.values())
    pairs = texts[1:] + texts[:1]
    whole = tokenizer(texts, return_offsets_mapping=True)
    both = tokenizer(texts, pairs, return_token_type_ids=types)
    cut = {
        str(length): tokenizer(texts, pairs, truncation="longest_first", max_length=length)["input_ids"]
        for length in (4, 7, 12, 31, 32)
    }
    return {
        "ids": whole["input_ids"],
        **({"offsets": whole["offset_mapping"]} if offsets else {}),
        "short": tokenizer(texts, truncation=True, max_length=9)["input_ids"],
        "pairs": both["input_ids"],
        **({"pair types": both["token_type_ids"]} if types else {}),
        "short pairs": cut,
        "generated": digests(tokenizer, generated),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocab", action="append", default=[], metavar="NAME=FILE")
    arguments = parser.parse_args()

    FIXTURES.mkdir(exist_ok=True)
    pieces = small_vocabulary()
    (FIXTURES / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8", newline="\n")
    vocabularies = {"small": pieces}
    for name, path in (argument.split("=", 1) for argument in arguments.vocab):
        vocabularies[name] = Path(path).read_bytes().decode("utf-8").rstrip("\n").split("\n")

    generated = generate(**GENERATED)
    recorded = {
        "transformers": transformers.__version__,
        "texts": TEXTS,
        "generated": GENERATED | {"sha256": hashlib.sha256(json.dumps(generated).encode()).hexdigest()},
        "wordpiece": [],
    }
    for name, pieces in vocabularies.items():
        vocabulary = {piece: index for index, piece in enumerate(pieces)}
        for options in OF_VOCABULARY.get(name, OPTIONS):
            tokenizer = BertTokenizer(vocab=vocabulary, **OPTIONS[options])
            case = {"vocabulary": name, "options": OPTIONS[options]}
            recorded["wordpiece"].append(case | record(tokenizer, generated, offsets=name == "small"))

    trainer = ByteLevelBPETokenizer()
    trainer.train_from_iterator(
        list(TEXTS.values()) * 2, vocab_size=700, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    )
    (FIXTURES / "roberta").mkdir(exist_ok=True)
    trainer.save_model(str(FIXTURES / "roberta"))
    roberta = RobertaTokenizer.from_pretrained(FIXTURES / "roberta")
    recorded["bytepair"] = record(roberta, generated, types=False)
    (FIXTURES / "transformers.json").write_text(
        json.dumps(recorded, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
