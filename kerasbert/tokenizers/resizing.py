"""Adds tokens to a vocabulary, and prunes a vocabulary to what a corpus uses."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from kerasbert.errors import TokenizerError
from kerasbert.reading import read_text
from kerasbert.tokenizers.host import HostTokenizer, checked

_CHARACTERS = 1_000_000
"""Characters of the texts that are tokenised at a time, about."""


@dataclass
class Usage:
    """What a corpus uses of a vocabulary.

    Attributes:
        texts, tokens, unknown: number of texts, of their tokens, and of those that are the unknown token.
        kept: what tokens are, in the words of reports -> how many of them are kept. A token counts once.
    """

    texts: int = 0
    tokens: int = 0
    unknown: int = 0
    kept: dict[str, int] = field(default_factory=dict)


def read_tokens(path: Path) -> list[str]:
    """The tokens in a file, one per line.

    Raises:
        TokenizerError: the file cannot be read, is not UTF-8, or has an empty line.
    """
    lines = read_text(path, TokenizerError).replace("\r\n", "\n").removesuffix("\n").split("\n")
    empty = next((number for number, line in enumerate(lines, 1) if not line.strip()), None)
    if empty:
        raise TokenizerError(f"{path}, line {empty}: holds no token; write one token per line")
    return lines


def with_tokens(tokenizer: HostTokenizer, tokens: Sequence[str], *, special: bool = False) -> HostTokenizer:
    """A tokenizer that also has these tokens, whose ids follow the others, as `add_tokens` of transformers adds them.

    A token is matched in the text before words are split. A tokenizer that lower-cases letters finds it in either case.

    Args:
        tokenizer: stays as it is.
        tokens: the new tokens.
        special: whether they are special: matched as they are written, and left out of decoded texts.

    Raises:
        TokenizerError: there are none, one is not a string, begins or ends with white space, is in the
            vocabulary already, or is listed twice; or a text of the token alone is not read as the token.
    """
    if isinstance(tokens, str):
        raise TokenizerError(f"tokens is {tokens!r:.60} (str), not a list of strings")
    tokens = checked(list(tokens), "tokens")
    if not tokens:
        raise TokenizerError("no tokens to add; name at least one")
    first: dict[str, int] = {}
    known = set(tokenizer.vocabulary)
    for number, token in enumerate(tokens, 1):
        _check_new(tokenizer, known, number, token)
        form = token if special else tokenizer.normalized(token)
        if form in first:
            raise TokenizerError(f"token {number}, {token!r}, is token {first[form]} again; leave one of them out")
        first[form] = number
    added = [{"content": token, "normalized": not special, "special": special} for token in tokens]
    larger = tokenizer.extended(added)
    for number, (token, ids) in enumerate(zip(tokens, larger.piece_ids(tokens), strict=True), 1):
        if ids != [tokenizer.vocab_size + number - 1]:
            read = " ".join(larger.vocabulary[index] for index in ids)
            raise TokenizerError(f"token {number}, {token!r}, would be read as {read!r}; leave it out")
    return larger


def _check_new(tokenizer: HostTokenizer, known: set[str], number: int, token: str) -> None:
    """Raises TokenizerError: a token cannot be added, or is in the vocabulary already."""
    if not tokenizer.normalized(token).strip():
        raise TokenizerError(f"token {number}, {token!r}, is empty as the tokenizer reads it; leave it out")
    if token != token.strip():
        raise TokenizerError(f"token {number}, {token!r}, begins or ends with white space; remove it")
    rows = tokenizer.piece_ids([token, f" {token}"])  # RoBERTa has words with the space before them
    held = [token] if token in known else []
    held += [tokenizer.vocabulary[row[0]] for row in rows if len(row) == 1 and row[0] != tokenizer.id_of("unk")]
    if held:
        raise TokenizerError(f"token {number}, {token!r}, is in the vocabulary already, as {held[0]!r}; leave it out")


@dataclass(frozen=True)
class _Prompted:
    """Texts with another text before each, which can be read again and again."""

    prompt: str
    texts: Iterable[str]

    def __iter__(self) -> Iterator[str]:
        return (self.prompt + text for text in self.texts)


def pruned(
    tokenizer: HostTokenizer, texts: Iterable[str], *, keep: Iterable[str] = (), prompts: Iterable[str] = ()
) -> tuple[HostTokenizer, Usage]:
    """A tokenizer with the tokens that a corpus uses, which gives each of its texts the same tokens as before.

    Special and added tokens, and single characters (RoBERTa: single bytes) stay in any case. A word that the corpus
    does not have is written in shorter pieces. It becomes [UNK] only if it was, or if one of its characters has no
    piece of its own; with RoBERTa, never.

    Args:
        tokenizer: stays as it is.
        texts: the corpus. It is read twice, so an iterator does not work; a list does.
        keep: further tokens to keep.
        prompts: what may stand before a text of the corpus; such texts keep their tokens too. They are not counted.

    Raises:
        TokenizerError: `texts` is an iterator, holds no text, or something else than strings.
    """
    if iter(texts) is texts:
        raise TokenizerError("texts are read twice, and an iterator gives them once; use a list")
    usage, used, unknown = _used(tokenizer, texts)
    if not usage.tokens:
        raise TokenizerError("the corpus holds no text to prune a vocabulary to")
    corpora = [texts, *(_Prompted(each, texts) for each in prompts)]
    for each in corpora[1:]:
        _, more, failed = _used(tokenizer, each)
        used |= more
        unknown |= failed
    special, further = tokenizer.special_tokens | tokenizer.matched_whole, set(keep)
    needed = tokenizer.needed((used | further) - special, unknown)
    kept: set[str] = set()
    kinds = {"special or added": special, "used by the corpus": used, "asked for": further, **needed}
    for kind, tokens in kinds.items():
        usage.kept[kind] = len(tokens & set(tokenizer.vocabulary) - kept)
        kept |= tokens
    smaller = tokenizer.reduced(kept)
    for batch in chain.from_iterable(map(_batches, corpora)):
        before, after = tokenizer.piece_ids(batch), smaller.piece_ids(batch)
        for text, old, new in zip(batch, before, after, strict=True):
            if [tokenizer.vocabulary[index] for index in old] != [smaller.vocabulary[index] for index in new]:
                raise TokenizerError(
                    f"the pruned vocabulary would split {text!r:.200} in another way; nothing is pruned"
                )
    return smaller, usage


def _used(tokenizer: HostTokenizer, texts: Iterable[str]) -> tuple[Usage, set[str], set[str]]:
    """The counts of a corpus, the tokens it uses, and its words that are unknown."""
    usage, used, failed, unk = Usage(), set(), set(), tokenizer.id_of("unk")
    for batch in _batches(texts):
        for text, encoding in zip(batch, tokenizer.encode(batch), strict=True):
            usage.texts += 1
            usage.tokens += encoding.special_tokens_mask.count(0)
            used.update(encoding.ids)
            if unk in encoding.ids:
                places = zip(encoding.ids, encoding.offsets, strict=True)
                found = [text[slice(*place)] for index, place in places if index == unk]
                usage.unknown += len(found)
                failed.update(found)
    return usage, {tokenizer.vocabulary[index] for index in used}, failed


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch, size = [], 0
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise TokenizerError(f"texts[{index}] is {text!r:.60} ({type(text).__name__}), not a string")
        batch.append(text)
        size += len(text)
        if size > _CHARACTERS:
            yield checked(batch, "texts")
            batch, size = [], 0
    yield checked(batch, "texts")
