"""Sentence embeddings: texts to unit vectors, whose dot product says how alike they are."""

import keras
import numpy as np

from kerasbert.checkpoints import huggingface
from kerasbert.checkpoints.tasks import stored_task
from kerasbert.layers.heads import POOLINGS, UnitLength
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.text_model import TextModel
from kerasbert.tasks.sentence_embedding import TASK, Settings


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
        encoder: without a pooler, whose weights would serve nothing.
        pooling: "mean" over real tokens, or "cls", the first token.
        max_length: number of tokens that a text is cut to; None: the encoder's limit.

    Raises:
        ConfigError: arguments that do not go together.
    """

    task = TASK

    def __init__(self, encoder: BertEncoder, *, pooling: str = "mean", max_length: int | None = None, **kwargs):
        dtype = kwargs.get("dtype")
        max_length = encoder.config.max_length if max_length is None else max_length
        settings = Settings(pooling=pooling, max_length=max_length)

        # Graph
        x = encoder.first_output if pooling == "cls" else encoder.output["sequence_output"]
        pooled = POOLINGS[pooling](name="pooling", dtype=dtype)(x, encoder.input["attention_mask"])
        outputs = UnitLength(name="unit_length", dtype="float32")(pooled)
        super().__init__(encoder=encoder, settings=settings, outputs=outputs, **kwargs)

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
            pooling=pooling or (stored.pooling if stored.name == TASK.name else "mean"),
            max_length=stored.max_length if max_length is None else max_length,
            dtype=dtype,
        )
        checkpoint.load_into(encoder)
        return model

    def encode(self, *columns, batch_size: int = 32, **named) -> np.ndarray:
        """Texts to unit vectors, float32 (texts, hidden_size), in their order."""
        return self.predict_outputs(*columns, batch_size=batch_size, **named)["embedding"]


MODEL = SentenceEncoder
