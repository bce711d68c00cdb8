"""BERT's WordPiece tokenizer, which runs on the host."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from tokenizers import Tokenizer
from tokenizers.decoders import WordPiece as WordPieceDecoder
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from kerasbert.errors import TokenizerError
from kerasbert.files import write_text
from kerasbert.reading import read_json, read_text
from kerasbert.tokenizers.declared import FLAGS, add_tokens, declared_tokens, placed, tokenizer_config
from kerasbert.tokenizers.host import HostTokenizer
from kerasbert.tokenizers.post_processor import check_post_processor

REQUIRED = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
SPECIAL = (*REQUIRED, "[MASK]")
MAX_CHARACTERS_PER_WORD = 100  # a longer word is [UNK], as in the paper's code

STRIPPED = "\u2028"
"""The piece of the Chinese vocabulary that transformers 5 writes as "" into tokenizer.json."""

_CASED_PIECE = re.compile(r"(##)?[A-Za-z]*[A-Z][A-Za-z]*")


class WordPieceTokenizer(HostTokenizer):
    """BERT's tokenizer.

    It cleans a text, splits it at spaces, punctuation and Chinese characters, and splits each word into the longest
    matching pieces from the left. A row is `[CLS] text [SEP]`, or `[CLS] text [SEP] pair [SEP]` with token type 1 from
    the second text on. Names of special tokens in a text ("[MASK]") are read as these tokens, as in transformers. The
    ids equal those of transformers' fast tokenizer.

    Args:
        vocabulary: the pieces in the order of their ids. `##` marks a piece that continues a word.
        do_lower_case: whether letters are lower-cased.
        strip_accents: whether accents are removed; None means the same as `do_lower_case`.
        tokenize_chinese_chars: whether each Chinese character is a word by itself.
        added_tokens: tokens that are not in the vocabulary or are matched whole in the text. Each has the form that it
            has in tokenizer.json: `content` and any of `single_word`, `lstrip`, `rstrip`, `normalized`, `special`.

    Raises:
        TokenizerError: the vocabulary is empty, repeats a token or lacks one of [PAD], [UNK], [CLS], [SEP].

    Source: Devlin et al. 2019, section 3; google-research/bert, tokenization.py.
    """

    kind = "wordpiece"
    has_token_types = True
    special: ClassVar = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}

    def __init__(
        self,
        vocabulary: Sequence[str],
        *,
        do_lower_case: bool = True,
        strip_accents: bool | None = None,
        tokenize_chinese_chars: bool = True,
        added_tokens: Iterable[dict] = (),
    ):
        flags = {"do_lower_case": do_lower_case, "tokenize_chinese_chars": tokenize_chinese_chars}
        flags |= {} if strip_accents is None else {"strip_accents": strip_accents}
        for name, value in flags.items():
            if not isinstance(value, bool):
                raise TokenizerError(f"{name} is {value!r}, not true or false")
        self.do_lower_case = do_lower_case
        self.strip_accents = strip_accents
        self.tokenize_chinese_chars = tokenize_chinese_chars
        self.added_tokens = [dict(token) for token in added_tokens if token["content"] not in SPECIAL]
        self.pieces = list(vocabulary)
        ids = _ids(self.pieces)

        backend = Tokenizer(WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=MAX_CHARACTERS_PER_WORD))
        backend.normalizer = BertNormalizer(
            clean_text=True,
            handle_chinese_chars=tokenize_chinese_chars,
            strip_accents=strip_accents,
            lowercase=do_lower_case,
        )
        backend.pre_tokenizer = BertPreTokenizer()
        backend.decoder = WordPieceDecoder(prefix="##")
        backend.post_processor = TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[(token, ids[token]) for token in ("[CLS]", "[SEP]")],
        )
        backend.add_special_tokens([token for token in SPECIAL if token in ids])
        add_tokens(backend, self.added_tokens)
        super().__init__(backend)

    @classmethod
    def read(cls, folder: Path) -> "WordPieceTokenizer":
        """Reads a folder with vocab.txt, tokenizer.json or both, and the tokens that other files add.

        Options in tokenizer_config.json override the others.

        vocab.txt alone does not say whether letters are lower-cased. They are, as in transformers, unless a piece made
        of the letters A to Z has a capital, which a lower-casing tokenizer could never produce.

        Raises:
            TokenizerError: a file cannot be used, or the two files disagree; the message names the file.
        """
        vocab_txt, tokenizer_json = folder / "vocab.txt", folder / "tokenizer.json"
        config = tokenizer_config(folder, cls.kind, cls.special)
        options = {"added_tokens": []}
        if tokenizer_json.exists():
            pieces, options = _read_tokenizer_json(tokenizer_json)
            if vocab_txt.exists():
                _check_agreement(read_vocab(vocab_txt), pieces, options["added_tokens"], vocab_txt)
        else:
            pieces = read_vocab(vocab_txt)
            options["do_lower_case"] = not any(_CASED_PIECE.fullmatch(piece) for piece in pieces)
        ids = {piece: index for index, piece in enumerate(pieces)}
        added = declared_tokens(folder, config, cls.special, options["added_tokens"])
        options["added_tokens"] = placed(added, ids, folder)
        for name in ("do_lower_case", "strip_accents", "tokenize_chinese_chars"):
            if name in config:
                options[name] = config[name]
        try:
            return cls(pieces, **options)
        except TokenizerError as error:
            raise TokenizerError(f"{vocab_txt if vocab_txt.exists() else tokenizer_json}: {error}") from error

    def continues_word(self, token: str) -> bool:
        return token.startswith("##")

    def extended(self, tokens: Sequence[dict]) -> "WordPieceTokenizer":
        return self._with(self.pieces, [*self.added_tokens, *tokens])

    def reduced(self, kept: Collection[str]) -> "WordPieceTokenizer":
        return self._with([piece for piece in self.pieces if piece in kept], self.added_tokens)

    def needed(self, used: Collection[str], unknown: Collection[str]) -> dict[str, set[str]]:
        tried = {piece for word in unknown for piece in self._tried(word)}
        return {
            "single characters": {x for x in self.pieces if len(x.removeprefix("##")) == 1},
            "for words that stay [UNK]": tried,
        }

    def _tried(self, word: str) -> Iterator[str]:
        """The pieces at the begin of a word whose rest no piece begins. Without them the rest would be another."""
        pieces, word = set(self.pieces), self.normalized(word).strip()
        start, ends = 0, range(len(word), 0, -1)
        while piece := next((x for end in ends if end > start and (x := _piece(word, start, end)) in pieces), None):
            yield piece
            start += len(piece.removeprefix("##")) if start else len(piece)

    def _with(self, pieces: Sequence[str], added_tokens: Iterable[dict]) -> "WordPieceTokenizer":
        options = {name: value for name, value in self.options().items() if name != "kind"}
        return WordPieceTokenizer(pieces, **{**options, "added_tokens": added_tokens})

    @classmethod
    def from_options(cls, options: dict, folder: Path) -> "WordPieceTokenizer":
        """Creates the tokenizer from the result of `options()` and the pieces in the folder's vocab.txt."""
        return cls(read_vocab(folder / "vocab.txt"), **{k: v for k, v in options.items() if k != "kind"})

    def options(self) -> dict:
        """All arguments except the vocabulary, as plain values for a JSON file."""
        return {
            "kind": self.kind,
            "do_lower_case": self.do_lower_case,
            "strip_accents": self.strip_accents,
            "tokenize_chinese_chars": self.tokenize_chinese_chars,
            "added_tokens": [dict(token) for token in self.added_tokens],
        }

    def save(self, folder: str | Path, *, max_length: int | None = None) -> None:
        """Writes vocab.txt, tokenizer.json and tokenizer_config.json; see `HostTokenizer.save`."""
        folder = Path(folder)
        config = {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": self.do_lower_case,
            "strip_accents": self.strip_accents,
            "tokenize_chinese_chars": self.tokenize_chinese_chars,
            "clean_up_tokenization_spaces": True,
            **{f"{token[1:-1].lower()}_token": token for token in SPECIAL if token in self.pieces},
        }
        self._save_tokenizer_json(folder, config, max_length)
        write_text(folder / "vocab.txt", "".join(f"{piece}\n" for piece in self.pieces))


def read_vocab(path: Path) -> list[str]:
    """Reads the pieces of a vocab.txt: one piece per line. Its id is its line number, counted from 0.

    Only a line feed (or CR LF) ends a line, because vocabularies contain pieces such as U+2028 and U+0085. A byte-order
    mark and empty lines at the end are ignored.

    Raises:
        TokenizerError: the file cannot be read, or does not hold a vocabulary.
    """
    text = read_text(path, TokenizerError)
    pieces = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    if pieces == [""]:
        raise TokenizerError(f"{path} is empty; it must hold one word piece per line")
    try:
        _ids(pieces)
    except TokenizerError as error:
        raise TokenizerError(f"{path}: {error}") from error
    return pieces


def _piece(word: str, start: int, end: int) -> str:
    return f"##{word[start:end]}" if start else word[:end]


def _ids(pieces: list[str]) -> dict[str, int]:
    ids = {}
    for index, piece in enumerate(pieces):
        if piece in ids:
            raise TokenizerError(f"the piece {piece!r} appears twice, on lines {ids[piece] + 1} and {index + 1}")
        if not piece or "\n" in piece:
            raise TokenizerError(f"line {index + 1} is {'empty' if not piece else repr(piece)}, not a word piece")
        ids[piece] = index
    missing = [token for token in REQUIRED if token not in ids]
    if missing:
        raise TokenizerError(f"the vocabulary of {len(ids)} pieces lacks {', '.join(missing)}, which BERT needs")
    return ids


def _read_tokenizer_json(path: Path) -> tuple[list[str], dict]:
    """Reads the pieces, in the order of their ids, and the options. The file's truncation and padding are ignored."""
    content = read_json(path, TokenizerError)
    try:
        return _pieces_and_options(path, content)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise TokenizerError(f"{path}: holds no usable vocabulary ({error!r})") from error


def _pieces_and_options(path: Path, content: dict) -> tuple[list[str], dict]:
    first = [("[CLS]", 0), ("A", 0), ("[SEP]", 0)]
    check_post_processor(path, content, single=first, pair=[*first, ("B", 1), ("[SEP]", 1)])
    model, normalizer = content["model"], content.get("normalizer") or {}
    settings = {
        "normalizer": (normalizer.get("type"), "BertNormalizer"),
        "normalizer.clean_text": (normalizer.get("clean_text", True), True),
        "pre_tokenizer": ((content.get("pre_tokenizer") or {}).get("type"), "BertPreTokenizer"),
        "model.unk_token": (model.get("unk_token", "[UNK]"), "[UNK]"),
        "model.continuing_subword_prefix": (model.get("continuing_subword_prefix", "##"), "##"),
        "model.max_input_chars_per_word": (model.get("max_input_chars_per_word", 100), MAX_CHARACTERS_PER_WORD),
    }
    for name, (value, expected) in settings.items():
        if value != expected:
            raise TokenizerError(
                f"{path}: {name} is {value!r}; a BERT tokenizer has {expected!r}, no other is supported"
            )
    by_id = {int(index): piece or STRIPPED for piece, index in model["vocab"].items()}
    added = sorted(content.get("added_tokens") or [], key=lambda token: token["id"])
    for token in added:
        flags = [token.get(flag, False) for flag in FLAGS]
        if not isinstance(token.get("content"), str) or not all(isinstance(flag, bool) for flag in flags):
            raise TokenizerError(f"{path}: {token!r:.200} does not describe an added token")
    size = len(model["vocab"])
    if sorted(by_id) != list(range(size)):
        raise TokenizerError(f"{path}: the ids of its {size} pieces do not run from 0 to {size - 1}")
    placed(added, model["vocab"], path)
    options = {
        "do_lower_case": normalizer.get("lowercase", True),
        "strip_accents": normalizer.get("strip_accents"),
        "tokenize_chinese_chars": normalizer.get("handle_chinese_chars", True),
        "added_tokens": [token for token in added if token["content"] not in SPECIAL],
    }
    return [by_id[index] for index in range(size)], options


def _check_agreement(lines: list[str], pieces: list[str], added_tokens: list[dict], path: Path) -> None:
    extended = pieces + [token["content"] for token in added_tokens if token["content"] not in set(pieces)]
    lines, pieces, extended = ([piece.rstrip() for piece in each] for each in (lines, pieces, extended))  # see STRIPPED
    if lines in (pieces, extended):
        return
    for line, (here, there) in enumerate(zip(lines, extended, strict=False), 1):
        if here != there:
            raise TokenizerError(
                f"{path}, line {line}: {here!r}, but tokenizer.json has {there!r} with that id; remove the wrong file"
            )
    raise TokenizerError(
        f"{path} has {len(lines)} pieces, but tokenizer.json has {len(pieces)}; remove the wrong file of the two"
    )
