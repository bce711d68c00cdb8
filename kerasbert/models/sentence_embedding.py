"""Sentence embeddings: texts become vectors of length 1, whose dot product is their similarity."""

from collections.abc import Mapping
from functools import partial

import keras
import numpy as np

from kerasbert.checkpoints import modules
from kerasbert.layers.heads import POOLINGS, UnitLength
from kerasbert.models.by_example import on_first_and_others
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.text_model import TextModel
from kerasbert.tasks.ask import joined
from kerasbert.tasks.sentence_embedding import TASK, Settings, check_width, prompted


@keras.saving.register_keras_serializable("kerasbert")
class SentenceEncoder(TextModel):
    """An encoder whose vectors are pooled and scaled to length 1 (Sentence-BERT, arXiv 1908.10084, section 3).

    ```python
    model = kb.SentenceEncoder.from_pretrained("path-or-hub-id")
    a, b = model.encode(["a lovely film", "a charming picture"])
    a @ b                                             # cosine, from -1 to 1
    model.compile()
    model.fit((questions, answers), epochs=1)         # pairs: the other answers of the batch are wrong
    model.fit((texts, other_texts), scores)           # or how similar two texts are, from 0 to 1
    model.save_pretrained("out/")
    ```

    `from_pretrained` takes pooling and `max_length` from the modules of a sentence-transformers folder. A module that
    kerasbert does not have, such as Dense, is an error.

    Inputs: the encoder's, (rows, sequence), or (examples, texts, sequence), as `fit` and `evaluate` get the texts of an
    example: anchor, positive and negatives. Output: float32 (rows, hidden_size), or (examples, texts, hidden_size),
    with vectors of length 1. The losses are in `kerasbert.training.embedding_losses`.

    Args:
        encoder: the encoder. It should have no pooler, because a pooler's weights would not be used.
        pooling: "mean" of all tokens without padding; "cls", the first token; or "max", in each place of the vector
            the largest number of any token.
        prompt: a text that is put before each text, as it is.
        prompts: further prompts by name, such as `{"query": "query: "}`, which `encode` takes by `prompt_name`.
        score_max: the highest score of scored pairs; the right cosine of a pair is its score divided by it.
        max_length: number of tokens that a text is cut to; None: the encoder's limit.

    Raises:
        ConfigError: an unknown pooling, `score_max` is not above 0, or `max_length` is below 3 or above the encoder's
            limit.
    """

    task = TASK
    answering = "encode"

    def __init__(
        self,
        encoder: BertEncoder,
        *,
        pooling: str = "mean",
        prompt: str = "",
        prompts: Mapping[str, str] | None = None,
        score_max: float = 1.0,
        max_length: int | None = None,
        **kwargs,
    ):
        dtype = kwargs.get("dtype")
        max_length = encoder.config.max_length if max_length is None else max_length
        given = {"prompt": prompt, "prompts": dict(prompts or {}), "score_max": score_max}
        settings = Settings(pooling=pooling, max_length=max_length, **given)

        # Graph
        if pooling == "cls":
            encoder.config.check_blocks("pooling 'cls'")
        x = encoder.first_output if pooling == "cls" else encoder.output["sequence_output"]
        pooled = POOLINGS[pooling](name="pooling", dtype=dtype)(x, encoder.input["attention_mask"])
        outputs = UnitLength(name="unit_length", dtype="float32")(pooled)
        super().__init__(encoder=encoder, settings=settings, outputs=outputs, **kwargs)
        self.input_spec = None  # because `call` takes rows, and examples with their rows

    def call(self, inputs, training=None, mask=None):
        call = partial(super().call, training=training)
        if len(inputs["input_ids"].shape) == 2:
            return call(inputs, mask=mask)
        return on_first_and_others(call, inputs)

    def lessons_of(self, examples, class_weight=None):
        check_width(examples, self.config.hidden_size)
        return super().lessons_of(examples, class_weight)

    def encode(
        self, *columns, batch_size: int = 32, prompt: str | None = None, prompt_name: str | None = None, **named
    ) -> np.ndarray:
        """Returns vectors of length 1, float32 (texts, hidden_size), in the order of the texts.

        Args:
            columns, batch_size, named: as in `predict_text`.
            prompt: a text that is put before each text. prompt_name: the name of one of the model's prompts. None for
                both: the prompt of the settings.

        Raises:
            ConfigError: there is no such prompt, or both are given.
        """
        settings = prompted(self.settings, prompt, prompt_name)
        return joined(self.task, self.graphs(), self._asked_once(columns, named, batch_size, settings))["embedding"]

    def transformers_settings(self) -> dict:
        # sentence-transformers opens no folder that transformers refuses.
        files = {} if self.config.is_foreign else modules.written(self.settings, width=self.config.hidden_size)
        return {**super().transformers_settings(), "files": files}


MODEL = SentenceEncoder
