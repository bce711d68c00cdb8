"""Extractive summarization: an encoder with a linear layer that gives each token a logit."""

import keras

from kerasbert.layers.dense import dense
from kerasbert.layers.heads import Column
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.text_model import TextModel
from kerasbert.tasks.extractive_summarization import TASK, Settings
from kerasbert.tasks.labels import label_keys


@keras.saving.register_keras_serializable("kerasbert")
class ExtractiveSummarizer(TextModel):
    """An encoder that chooses the sentences that summarise a text, in rows as BertSum's (Liu 2019, arXiv 1903.10318).

    ```python
    model = kb.ExtractiveSummarizer.from_pretrained("path-or-hub-id", top_k=1)
    model.compile()
    model.fit(model.dataset("train.jsonl", batch_size=16), epochs=2)
    model.fit([["Ann left.", "Bo stayed."]], [[1, 0]])        # sentences, and 1 for those of the summary
    model.fit(["Ann left. Bo stayed."], ["Ann went away."])   # or texts, and summaries of your own
    model.predict_text(["Ann left. Bo stayed."])
    # [{"summary_text": "Ann left.", "sentences": [{"sentence": 0, "text": "Ann left.", "score": 0.98, ...}]}]
    model.save_pretrained("out/")
    ```

    Each sentence has a [CLS] before it and a [SEP] behind it, and token types 0 and 1 in turn. Inputs: the encoder's.
    Output: float32 logits (batch, sequence). A sentence's score is the sigmoid of the mean over its tokens, with [CLS]
    and [SEP]. Texts may have any length.

    Args:
        encoder: the encoder. It should have no pooler, because a pooler's weights would not be used.
        max_length: number of tokens in a row; None: 512, or the encoder's limit.
        settings: the others of `kerasbert.tasks.extractive_summarization.Settings`, by name.

    Raises:
        ConfigError: an argument is not allowed.
    """

    task = TASK
    heads = ("classifier",)

    def __init__(self, encoder: BertEncoder, *, max_length: int | None = None, **settings):
        kwargs = {name: settings.pop(name) for name in ("name", "dtype") if name in settings}
        dtype = kwargs.pop("dtype", None)
        max_length = min(TASK.usual_length, encoder.config.max_length) if max_length is None else max_length

        # Layers
        config = encoder.config
        rate = config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout
        dropout = keras.layers.Dropout(rate, name="dropout", dtype=dtype)
        classifier = dense(1, stddev=config.initializer_range, name="classifier", dtype=dtype)
        one_number = Column(0, name="logits", dtype="float32")

        # Graph
        logits = one_number(classifier(dropout(encoder.output["sequence_output"])))
        settings = Settings(max_length=max_length, **settings)
        super().__init__(encoder=encoder, settings=settings, outputs=logits, **kwargs)

    def saved_part(self):
        return self

    def transformers_settings(self) -> dict:
        return {"head": "extractive-summarization", "keys": label_keys(["summary"]), "says": ()}


MODEL = ExtractiveSummarizer
