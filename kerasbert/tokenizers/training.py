"""Trains vocabularies on texts, with the trainers of the `tokenizers` library."""

from collections import Counter
from collections.abc import Iterable

from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE, WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer, ByteLevel
from tokenizers.trainers import BpeTrainer, WordPieceTrainer

from kerasbert.errors import TokenizerError
from kerasbert.tokenizers.bytepair import BytePairTokenizer
from kerasbert.tokenizers.wordpiece import MAX_CHARACTERS_PER_WORD, SPECIAL, WordPieceTokenizer


def train_wordpiece(
    texts: Iterable[str],
    vocab_size: int,
    *,
    do_lower_case: bool = True,
    strip_accents: bool | None = None,
    min_frequency: int = 2,
    alphabet: int = 1000,
) -> WordPieceTokenizer:
    """Trains a WordPiece vocabulary for BERT.

    Args:
        texts: any number of texts. They are read twice, so an iterator does not work; a list does.
        vocab_size: number of tokens, including the five special ones.
        do_lower_case, strip_accents: as in `WordPieceTokenizer`.
        min_frequency: how often a pair of pieces must occur to be merged.
        alphabet: largest number of different characters to keep. Rarer characters become [UNK].

    Raises:
        TokenizerError: there is no text, or `vocab_size` is too small for its characters.
    """
    backend = Tokenizer(WordPiece(unk_token="[UNK]", max_input_chars_per_word=MAX_CHARACTERS_PER_WORD))
    backend.normalizer = BertNormalizer(lowercase=do_lower_case, strip_accents=strip_accents)
    backend.pre_tokenizer = BertPreTokenizer()
    kept, rare = _characters(texts, backend.normalizer, alphabet)
    # Characters are passed as special tokens, because the trainer's own order of them differs from run to run.
    first = [*SPECIAL, *kept, *(f"##{character}" for character in kept)]
    trainer = WordPieceTrainer(
        vocab_size=vocab_size, min_frequency=min_frequency, special_tokens=first, show_progress=False
    )
    if rare:
        texts = (text.translate(rare) for text in texts)
    pieces = _train(backend, trainer, texts, vocab_size, len(first))
    return WordPieceTokenizer(pieces, do_lower_case=do_lower_case, strip_accents=strip_accents)


def train_bytepair(texts: Iterable[str], vocab_size: int, *, min_frequency: int = 2) -> BytePairTokenizer:
    """Trains a byte-level BPE vocabulary for RoBERTa. It can encode every text. Arguments as in `train_wordpiece`.

    Raises:
        TokenizerError: there is no text, or `vocab_size` is too small for the special tokens and the 256 bytes.
    """
    special = ["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True)]
    backend = Tokenizer(BPE(unk_token="<unk>"))
    backend.pre_tokenizer = ByteLevel(add_prefix_space=False)
    backend.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        initial_alphabet=ByteLevel.alphabet(),
        special_tokens=special,
        show_progress=False,
    )
    _train(backend, trainer, texts, vocab_size, len(special) + 256)
    return BytePairTokenizer(backend)


def _characters(texts: Iterable[str], normalizer: BertNormalizer, most: int) -> tuple[list[str], dict[int, str]]:
    """The `most` most frequent normalised characters, sorted; and a `str.translate` table that blanks the others."""
    written = Counter()
    for text in texts:
        written.update(text)
    seen = {character: normalizer.normalize_str(character).split() for character in written}
    counts = Counter()
    for character, count in written.items():
        counts.update(dict.fromkeys("".join(seen[character]), count))
    ranked = sorted(counts, key=lambda character: (-counts[character], character))
    kept = set(ranked[:most])
    rare = {ord(c): " " for c, parts in seen.items() if parts and not set("".join(parts)) <= kept}
    return sorted(kept), rare


TRAINERS = {"wordpiece": train_wordpiece, "bpe": train_bytepair}


def _train(backend: Tokenizer, trainer, texts: Iterable[str], vocab_size: int, least: int) -> list[str]:
    """Trains the backend and returns the tokens in the order of their ids."""
    if vocab_size <= least:
        raise TokenizerError(
            f"vocab_size is {vocab_size}: {least} are taken by special tokens and characters; use more"
        )
    backend.train_from_iterator(texts, trainer)
    vocabulary = backend.get_vocab()
    if len(vocabulary) <= least:
        raise TokenizerError("the corpus holds no text to learn a vocabulary from")
    return sorted(vocabulary, key=vocabulary.get)
