"""Next sentence: an encoder with BERT's next-sentence head on its pooler."""

from collections.abc import Sequence

import keras

from kerasbert.errors import ConfigError
from kerasbert.layers.heads import ClassificationHead
from kerasbert.models.classifier import Classifier
from kerasbert.models.encoder import BertEncoder
from kerasbert.tasks.next_sentence import LABELS, TASK, Settings


@keras.saving.register_keras_serializable("kerasbert")
class NextSentenceScorer(Classifier):
    """An encoder that tells whether a second text follows the first (Devlin et al. 2018, section 3.1, task 2).

    ```python
    model = kb.NextSentenceScorer.from_pretrained("path-or-hub-id")
    model.predict_text(["He went to the store."], ["He bought milk."])    # [{"label": "is_next", "score": 0.98}]
    model.compile()
    model.fit(model.dataset("pairs.csv", batch_size=32), epochs=1)
    model.fit((["He went to the store."], ["He bought milk."]), ["is_next"])    # or texts of your own
    model.save_pretrained("out/")
    ```

    `from_pretrained` takes the head of BertForNextSentencePrediction, of BertForPreTraining and of what
    `kerasbert pretrain` writes. RoBERTa and DistilBERT have no such head: classify pairs with `kb.TextClassifier`.

    Inputs: the encoder's. Output: float32 logits (batch, 2), of which the first says that the second text follows.

    Args:
        encoder: the encoder, of the family bert and with a pooler.
        labels: the names of the two labels, the one for a second text that follows first.
        max_length: number of tokens that a pair is cut to; None: the encoder's limit.
        outputs: logits of layers of your own, as `kb.TextClassifier` takes them. None: the usual head.

    Raises:
        ConfigError: an argument is not allowed, or the family has no such head.
    """

    task = TASK
    heads = ("nsp",)

    def __init__(
        self,
        encoder: BertEncoder,
        *,
        labels: Sequence[str] = LABELS,
        max_length: int | None = None,
        outputs=None,
        **kwargs,
    ):
        max_length = encoder.config.max_length if max_length is None else max_length
        super().__init__(encoder, settings=Settings(labels=labels, max_length=max_length), outputs=outputs, **kwargs)

    @staticmethod
    def usual_logits(encoder: BertEncoder, settings: Settings, dtype):
        """The next-sentence head on an encoder."""
        config = encoder.config
        if not config.family.nsp:
            raise ConfigError(
                f"{config.model_type} has no next-sentence head: use text-classification, which takes pairs too"
            )
        if encoder.pooler is None:
            raise ConfigError("next-sentence needs the encoder's pooler: use BertEncoder(config, pooler=True)")
        head = ClassificationHead(num_labels=2, stddev=config.initializer_range, name="nsp", dtype=dtype)
        return head(encoder.pooler(encoder.first_output))

    @classmethod
    def reads_pooler(cls, checkpoint, settings) -> bool:
        return True

    def transformers_settings(self) -> dict:
        return {"head": "next-sentence", "keys": {}, "says": ()}


MODEL = NextSentenceScorer
