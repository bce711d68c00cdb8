"""RoBERTa's byte-pair tokenizer, which runs on the host only."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import RobertaProcessing

from kerasbert.errors import TokenizerError
from kerasbert.files import write_text
from kerasbert.reading import read_json, read_text
from kerasbert.tokenizers.declared import add_tokens, declared_tokens, placed, tokenizer_config
from kerasbert.tokenizers.host import HostTokenizer
from kerasbert.tokenizers.post_processor import check_post_processor

REQUIRED = ("<s>", "</s>", "<pad>", "<unk>")
_FIRST = [("<s>", 0), ("A", 0), ("</s>", 0)]
_PAIR = [*_FIRST, ("</s>", 0), ("B", 0), ("</s>", 0)]


class BytePairTokenizer(HostTokenizer):
    """RoBERTa's byte-level BPE.

    A row is `<s> text </s>`, or `<s> text </s></s> pair </s>`, and has no token types.

    Args:
        backend: a `tokenizers.Tokenizer` with a BPE model; its truncation, padding and post-processor are replaced.

    Raises:
        TokenizerError: the vocabulary lacks one of <s>, </s>, <pad>, <unk>.

    Source: Liu et al. 2019, section 4.4.
    """

    kind = "bytepair"
    has_token_types = False
    special: ClassVar = {"pad": "<pad>", "unk": "<unk>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"}

    def __init__(self, backend: Tokenizer):
        missing = [token for token in REQUIRED if backend.token_to_id(token) is None]
        if missing:
            raise TokenizerError(f"the vocabulary lacks {', '.join(missing)}, which RoBERTa needs")
        backend.no_truncation()
        backend.no_padding()
        backend.post_processor = RobertaProcessing(
            ("</s>", backend.token_to_id("</s>")),
            ("<s>", backend.token_to_id("<s>")),  # positional, because the library renamed this parameter
            trim_offsets=True,
            add_prefix_space=getattr(backend.pre_tokenizer, "add_prefix_space", False),
        )
        super().__init__(backend)

    @classmethod
    def read(cls, folder: Path) -> "BytePairTokenizer":
        """Reads tokenizer.json or, if there is none, vocab.json and merges.txt, and the tokens that other files add.

        `add_prefix_space` in tokenizer_config.json overrides tokenizer.json.

        Raises:
            TokenizerError: a file cannot be used; the message names it.
        """
        config = tokenizer_config(folder, cls.kind, cls.special)
        declared = declared_tokens(folder, config, cls.special)
        path = folder / "tokenizer.json"
        if path.exists():
            check_post_processor(path, read_json(path, TokenizerError), single=_FIRST, pair=_PAIR)
        else:
            path = folder / "vocab.json"
        with _named(path):
            if path.name == "tokenizer.json":
                backend = Tokenizer.from_str(read_text(path, TokenizerError))
            else:
                backend = _from_vocab_and_merges(folder, {token["content"] for token in declared})
            known = {token.content for token in backend.get_added_tokens_decoder().values()}
            ids = backend.get_vocab(with_added_tokens=True)
            add_tokens(backend, (token for token in placed(declared, ids, folder) if token["content"] not in known))
            if "add_prefix_space" in config:
                _add_prefix_space(backend, config["add_prefix_space"])
            return cls(backend)

    @classmethod
    def from_vocabulary(
        cls, vocabulary: Mapping[str, int], merges: Iterable[str], *, add_prefix_space: bool = False
    ) -> "BytePairTokenizer":
        """Creates the tokenizer from what vocab.json and merges.txt hold.

        Args:
            vocabulary: token -> id.
            merges: pairs of tokens with a space between, in their order.
            add_prefix_space: whether a text begins with a space.

        Raises:
            TokenizerError: no tokenizer can be made of them.
        """
        try:
            pairs = [tuple(merge.split(" ")) for merge in merges if not merge.startswith("#version")]
            backend = _byte_level(BPE(dict(vocabulary), pairs, unk_token="<unk>"))
        except Exception as error:  # the library raises a bare Exception
            raise TokenizerError(f"not a vocabulary and merges of byte pairs: {error}") from error
        _add_prefix_space(backend, add_prefix_space)
        return cls(backend)

    @property
    def add_prefix_space(self) -> bool:
        """Whether a text begins with a space."""
        return bool(getattr(self._backend.pre_tokenizer, "add_prefix_space", False))

    @property
    def merges(self) -> list[str]:
        """The pairs of tokens that are merged, with a space between, in their order."""
        return [" ".join(pair) for pair in _merges(json.loads(self._backend.to_str())["model"])]

    def continues_word(self, token: str) -> bool:
        return not token.startswith("\u0120")  # byte-level BPE writes a space as this character

    def extended(self, tokens: Sequence[dict]) -> "BytePairTokenizer":
        backend = Tokenizer.from_str(self._backend.to_str())
        add_tokens(backend, tokens)
        return BytePairTokenizer(backend)

    def reduced(self, kept: Collection[str]) -> "BytePairTokenizer":
        """A merge stays if its two parts and its result do."""
        state = json.loads(self._backend.to_str())
        ids = {token: index for index, token in enumerate(token for token in self.vocabulary if token in kept)}
        model = state["model"]
        model["vocab"] = {token: ids[token] for token in model["vocab"] if token in ids}
        model["merges"] = [pair for pair in _merges(model) if {*pair, "".join(pair)} <= model["vocab"].keys()]
        state["added_tokens"] = [{**x, "id": ids[x["content"]]} for x in state["added_tokens"] if x["content"] in ids]
        return BytePairTokenizer(Tokenizer.from_str(json.dumps(state)))

    def needed(self, used: Collection[str], unknown: Collection[str]) -> dict[str, set[str]]:
        ranks = {pair: rank for rank, pair in enumerate(_merges(json.loads(self._backend.to_str())["model"]))}
        parts = {part for token in used for part in _made_of(token, ranks)}
        return {
            "single bytes": {token for token in self.vocabulary if len(token) == 1},
            "parts of longer tokens": parts,
        }

    @classmethod
    def from_options(cls, options: dict, folder: Path) -> "BytePairTokenizer":
        """Reads the tokenizer from a folder that kerasbert wrote; its tokenizer.json holds all options."""
        path = folder / "tokenizer.json"
        content = read_text(path, TokenizerError)
        with _named(path):
            return cls(Tokenizer.from_str(content))

    def options(self) -> dict:
        """The options that tokenizer.json does not hold, as plain values for a JSON file."""
        return {"kind": self.kind}

    def save(self, folder: str | Path, *, max_length: int | None = None) -> None:
        """Writes tokenizer.json, tokenizer_config.json, vocab.json and merges.txt; see `HostTokenizer.save`."""
        folder = Path(folder)
        vocabulary = json.loads(self._backend.to_str())["model"]["vocab"]
        config = {
            "tokenizer_class": "RobertaTokenizer",
            "add_prefix_space": self.add_prefix_space,
            "bos_token": "<s>",
            "cls_token": "<s>",
            "eos_token": "</s>",
            "sep_token": "</s>",
            "pad_token": "<pad>",
            "unk_token": "<unk>",
            **({"mask_token": "<mask>"} if self._backend.token_to_id("<mask>") is not None else {}),
        }
        self._save_tokenizer_json(folder, config, max_length)
        write_text(folder / "vocab.json", json.dumps(vocabulary, ensure_ascii=False))
        write_text(folder / "merges.txt", "\n".join(["#version: 0.2", *self.merges, ""]))


def _merges(model: dict) -> list[tuple[str, str]]:
    """The merges of a tokenizer.json, which older releases of the library write as texts, in their order."""
    return [tuple(merge.split(" ") if isinstance(merge, str) else merge) for merge in model["merges"]]


def _made_of(token: str, ranks: Mapping[tuple[str, str], int]) -> Iterator[str]:
    """The tokens that merges make of a token's bytes, one after the other; the last one is the token itself."""
    parts = list(token)
    while len(parts) > 1:
        rank, place = min((ranks.get(pair, len(ranks)), place) for place, pair in enumerate(pairwise(parts)))
        if rank == len(ranks):
            return
        parts[place : place + 2] = ["".join(parts[place : place + 2])]
        yield parts[place]


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Names the file in whatever is raised within."""
    try:
        yield
    except TokenizerError as error:
        raise TokenizerError(f"{path}: {error}") from error
    except Exception as error:  # the library raises a bare Exception for files that it cannot use
        raise TokenizerError(f"{path}: cannot be read as a byte-pair tokenizer: {error}") from error


def _from_vocab_and_merges(folder: Path, declared: Collection[str]) -> Tokenizer:
    """Reads the vocabulary, and adds the special tokens that are not declared in another file."""
    model = BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"), unk_token="<unk>")
    return _byte_level(model, declared)


def _byte_level(model: BPE, declared: Collection[str] = ()) -> Tokenizer:
    backend = Tokenizer(model)
    backend.pre_tokenizer = ByteLevel(add_prefix_space=False)
    backend.decoder = ByteLevelDecoder()
    special = [token for token in (*REQUIRED, "<mask>") if backend.token_to_id(token) is not None]
    # With lstrip, "a <mask>" has no piece for the space.
    backend.add_special_tokens([AddedToken(x, lstrip=x == "<mask>") for x in special if x not in declared])
    return backend


def _add_prefix_space(backend: Tokenizer, wanted: object) -> None:
    """Sets whether a text begins with a space, as transformers does.

    Raises:
        TokenizerError: the value is not true or false, or the words are not those of a RoBERTa.
    """
    words = backend.pre_tokenizer
    if not isinstance(wanted, bool):
        raise TokenizerError(f"add_prefix_space in tokenizer_config.json is {wanted!r}, not true or false")
    if getattr(words, "add_prefix_space", None) is None:
        raise TokenizerError("add_prefix_space in tokenizer_config.json needs the pre-tokenizer ByteLevel")
    words.add_prefix_space = wanted
    backend.pre_tokenizer = words
