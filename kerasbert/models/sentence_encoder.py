"""Sentence embeddings: texts to unit vectors, whose dot product is their likeness."""

from collections.abc import Sequence

import keras
import numpy as np

from kerasbert.checkpoints import huggingface
from kerasbert.checkpoints.tasks import stored_task
from kerasbert.errors import ConfigError
from kerasbert.layers.heads import POOLINGS, UnitLength
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.text_model import TextModel, check_length
from kerasbert.tasks.table import EMBEDDING


@keras.saving.register_keras_serializable("kerasbert")
class SentenceEncoder(TextModel):
    """An encoder whose vectors are pooled and scaled to length 1 (Sentence-BERT, arXiv 1908.10084, section 3).

    ```python
    model = kb.SentenceEncoder.from_pretrained("path-or-hub-id")
    a, b = model.encode(["a lovely film", "a charming picture"])
    a @ b                                             # cosine, from -1 to 1
    ```

    Inputs: the encoder's. Output: float32 (batch, hidden_size), each row of length 1.

    Args:
        encoder: without a pooler; its weights would serve nothing.
        pooling: "mean" over real tokens, or "cls", the first token.
        max_length: tokens a text is cut to; None: the encoder's limit.

    Raises:
        ConfigError: arguments that do not go together.
    """

    problem_type, labels = EMBEDDING, ()

    def __init__(self, encoder: BertEncoder, *, pooling: str = "mean", max_length: int | None = None, **kwargs):
        config, dtype = encoder.config, kwargs.get("dtype")
        if pooling not in ("mean", "cls"):
            raise ConfigError(f"pooling is {pooling!r}: an embedding is the 'mean' of all tokens, or 'cls'")
        check_length(config, max_length)

        # Graph
        x = encoder.first_output if pooling == "cls" else encoder.output["sequence_output"]
        pooled = POOLINGS[pooling](name="pooling", dtype=dtype)(x, encoder.input["attention_mask"])
        super().__init__(
            inputs=encoder.input, outputs=UnitLength(name="unit_length", dtype="float32")(pooled), **kwargs
        )

        # Config
        self.config = config
        self.encoder = encoder
        self.pooling = pooling
        self.max_length = max_length or config.max_length

    @classmethod
    def from_pretrained(
        cls, path: str | None = None, *, pooling: str | None = None, max_length: int | None = None, dtype=None
    ) -> "SentenceEncoder":
        """Reads a Hugging Face folder or hub id; pooling and length are what it was saved with, else "mean".

        Without a path it is the encoder that comes with the package (`kerasbert/presets`).
        """
        checkpoint = huggingface.open_checkpoint(path)
        stored = stored_task(checkpoint)
        encoder = BertEncoder(checkpoint.config, tokenizer=checkpoint.tokenizer(), pooler=False, dtype=dtype)
        model = cls(
            encoder,
            pooling=pooling or (stored.pooling if stored.name == "sentence-embedding" else "mean"),
            max_length=max_length or stored.max_length,
            dtype=dtype,
        )
        checkpoint.load_into(encoder)
        return model

    def encode(self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, batch_size: int = 32) -> np.ndarray:
        """Texts to unit vectors, float32 (texts, hidden_size), in their order."""
        return self.predict_outputs(texts, pairs, batch_size=batch_size)["embedding"]

    def save_pretrained(self, folder: str) -> None:
        """Writes config.json, model.safetensors and the tokenizer's files; transformers opens the encoder."""
        settings = {"task": "sentence-embedding", "pooling": self.pooling, "max_length": self.max_length}
        huggingface.save(self.encoder, folder, settings={"kerasbert": settings})

    def get_config(self):
        return {**super().get_config(), "pooling": self.pooling}
