"""Vocabularies learned from text, by the trainers of the `tokenizers` library."""

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
    """A WordPiece vocabulary for BERT.

    Args:
        texts: any number of them; a stream is read once.
        vocab_size: tokens, the five special ones included.
        do_lower_case, strip_accents: as in `WordPieceTokenizer`.
        min_frequency: how often a pair of pieces must occur to become one.
        alphabet: the most different characters to keep; rarer ones are [UNK].

    Raises:
        TokenizerError: no text, or too small a size for its characters.
    """
    backend = Tokenizer(WordPiece(unk_token="[UNK]", max_input_chars_per_word=MAX_CHARACTERS_PER_WORD))
    backend.normalizer = BertNormalizer(lowercase=do_lower_case, strip_accents=strip_accents)
    backend.pre_tokenizer = BertPreTokenizer()
    trainer = WordPieceTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        limit_alphabet=alphabet,
        special_tokens=list(SPECIAL),
        show_progress=False,
    )
    pieces = _train(backend, trainer, texts, vocab_size, len(SPECIAL))
    return WordPieceTokenizer(pieces, do_lower_case=do_lower_case, strip_accents=strip_accents)


def train_bytepair(texts: Iterable[str], vocab_size: int, *, min_frequency: int = 2) -> BytePairTokenizer:
    """A byte-level BPE vocabulary for RoBERTa; nothing is ever unknown to it. Arguments as in `train_wordpiece`.

    Raises:
        TokenizerError: no text, or a size that does not hold the 256 bytes.
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


TRAINERS = {"wordpiece": train_wordpiece, "bpe": train_bytepair}


def _train(backend: Tokenizer, trainer, texts: Iterable[str], vocab_size: int, least: int) -> list[str]:
    """Trains, and returns the tokens by id."""
    if vocab_size <= least:
        raise TokenizerError(f"vocab_size is {vocab_size}: {least} are taken before the first word; use more")
    backend.train_from_iterator(texts, trainer)
    vocabulary = backend.get_vocab()
    if len(vocabulary) <= least:
        raise TokenizerError("the corpus holds no text to learn a vocabulary from")
    if len(vocabulary) > vocab_size:
        raise TokenizerError(
            f"vocab_size is {vocab_size}, but the characters of the text alone are {len(vocabulary)} tokens; "
            "use more, or a smaller alphabet"
        )
    return sorted(vocabulary, key=vocabulary.get)
