"""Records the pieces that the published vectors can reach in the vocabularies of published checkpoints.

    python tests/peers/record_vocabularies.py bert-base-uncased=FOLDER bert-base-chinese=FOLDER \\
        bert-base-multilingual-cased=FOLDER

Each folder holds the checkpoint's vocab.txt. A piece is kept if its characters stand side by side in a text, or
in one of the forms that a tokenizer may give to it. All pieces of a word are among these, so a text has the same pieces
as with the whole vocabulary.
"""

import json
import sys
import unicodedata
from pathlib import Path

from vectors import FOLDER, PUBLISHERS, read

from kerasbert.files import write_text
from kerasbert.tokenizers.wordpiece import SPECIAL, read_vocab


def forms(text: str) -> list[str]:
    """A text as it is and lower-cased, with and without accents and the characters that a tokenizer drops."""
    plain = unicodedata.normalize("NFD", text)
    plain = "".join(c for c in plain if c != "\ufffd" and unicodedata.category(c) not in ("Mn", "Cf", "Cc"))
    return [text, text.lower(), plain, plain.lower()]


def main(folders: list[str]) -> None:
    found = {}
    for name, _, folder in (each.partition("=") for each in folders):
        groups = [group for publisher in PUBLISHERS for group in read(publisher)["groups"]]
        texts = {vector["text"] for group in groups if group["vocabulary"] == name for vector in group["vectors"]}
        all_forms = "\n".join(form for text in texts for form in forms(text))
        found[name] = {
            piece: place
            for place, piece in enumerate(read_vocab(Path(folder) / "vocab.txt"))
            if piece in SPECIAL or piece.removeprefix("##") in all_forms
        }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(pieces)}" for name, pieces in found.items())
    write_text(FOLDER / "vocabularies.json", f"{{\n{lines}\n}}\n")


main(sys.argv[1:])
