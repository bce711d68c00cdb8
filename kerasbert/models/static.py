"""Makes a static encoder from another one: a vector per token, as small as a table of words.

It is the recipe of model2vec (https://github.com/MinishLab/model2vec): the teacher reads every token alone, principal
components make the vectors shorter, and frequent tokens get less weight.
"""

from collections.abc import Callable

import keras
import numpy as np

from kerasbert.config import BertConfig
from kerasbert.errors import ConfigError
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.frequencies import tokens_of_texts, zipf_shares

SMOOTHING = 1e-4
"""A token of this share of a text has half of the weight of a rare one (Arora et al. 2017, section 3, `a`)."""


def static_of(
    teacher: BertEncoder,
    *,
    size: int = 256,
    batch_size: int = 256,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> BertEncoder:
    """Makes a static encoder from another encoder.

    The teacher reads each token alone, such as `[CLS] film [SEP]`, and the mean of its vectors becomes the vector of
    the token. The mean of all tokens is subtracted, and the first `size` principal components are kept. A token's
    weight is `SMOOTHING / (SMOOTHING + p)` (SIF, smooth inverse frequency), where Zipf's law gives its frequency `p`,
    because vocabularies list frequent tokens first. Special tokens get zeros, so `[CLS]` and `[SEP]` change the length
    of the mean of a text's tokens, but not its direction. In the end the table is multiplied by one number, so that the
    mean squared length of its rows is 1, whatever the teacher.

    Args:
        teacher: an encoder with a tokenizer.
        size: size of the vectors.
        batch_size: number of tokens that the teacher reads at a time.
        told: called after each batch with the number of tokens that the teacher has read, and with that of all.

    Returns:
        The static encoder, with the teacher's tokenizer. Tasks on it pool the mean of all tokens.

    Raises:
        ConfigError: the teacher has no tokenizer, is static itself, or has no `size` components.
    """
    tokenizer, config = teacher.tokenizer, teacher.config
    config.check_blocks("a teacher")
    if tokenizer is None:
        raise ConfigError("the teacher has no tokenizer; put vocab.txt or tokenizer.json into its folder")
    of_texts = tokens_of_texts(tokenizer)
    most = min(config.hidden_size, len(of_texts))
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= most:
        raise ConfigError(f"size is {size!r}: use a whole number from 1 to {most}")
    rows = principal_components(_read_alone(teacher, of_texts, batch_size, told), size)
    rows *= (SMOOTHING / (SMOOTHING + zipf_shares(len(rows))))[:, None]
    table = np.zeros((tokenizer.vocab_size, size), np.float32)
    table[of_texts] = rows / np.sqrt(np.mean(np.sum(np.square(rows), axis=1)))
    student = BertConfig(
        model_type="static",
        vocab_size=tokenizer.vocab_size,
        hidden_size=size,
        max_position_embeddings=config.max_length,
        pad_token_id=config.pad_token_id,
    )
    encoder = BertEncoder(student, tokenizer=tokenizer)
    encoder.embeddings.word_table.assign(table)
    encoder.base = teacher.base
    return encoder


def _read_alone(
    teacher: BertEncoder, tokens: np.ndarray, batch_size: int, told: Callable[[int, int], None]
) -> np.ndarray:
    """The mean of the teacher's vectors for each token between [CLS] and [SEP], float32 (tokens, hidden_size)."""
    reader = keras.Model(teacher.input, keras.ops.mean(teacher.output["sequence_output"], axis=1))
    ends = [teacher.tokenizer.id_of(role) for role in ("cls", "sep")]
    found = []
    for start in range(0, len(tokens), batch_size):
        batch = tokens[start : start + batch_size]
        ids = np.array([[ends[0], token, ends[1]] for token in batch], np.int32)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        found.append(np.asarray(reader.predict_on_batch({name: inputs[name] for name in teacher.input}), np.float32))
        told(start + len(batch), len(tokens))
    return np.concatenate(found)


def principal_components(vectors: np.ndarray, size: int) -> np.ndarray:
    """The first principal components of vectors: float (rows, width) -> float64 (rows, size), centred.

    The sign of a component is the one that makes the largest number of its axis positive.
    """
    centred = vectors - vectors.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)  # in ascending order
    axes = axes[:, ::-1][:, :size]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(size)])
    return centred @ axes
