"""Seq2seq: an encoder with a decoder that writes a text, such as a translation or a summary."""

import dataclasses
from collections.abc import Mapping
from functools import partial

import keras
import numpy as np
from keras import ops

from kerasbert.checkpoints.loading import GENERATION, Checkpoint
from kerasbert.checkpoints.tasks import stored_settings
from kerasbert.config import BertConfig, EncoderDecoderConfig
from kerasbert.errors import ConfigError
from kerasbert.layers.masked_lm_loss import masked_lm_loss
from kerasbert.models.decoder import Decoder, parts_of
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.functions import GraphFunction
from kerasbert.models.text_model import TextModel
from kerasbert.tasks.seq2seq import STORED, TASK, Settings, graphs
from kerasbert.tasks.task import Graph
from kerasbert.training.losses import TokenCrossentropy

SHAPE = ("decoder_layers", "cross_attention", "tied_words")
"""The arguments of `from_pretrained` that a decoder is made from, where a checkpoint has none."""
PLACES = 16
"""A cache's number of places is rounded up to a multiple of this. The graph masks empty places. JAX compiles for each
shape, and TensorFlow takes longer to find the function of a new shape than a small model takes for a step."""


@keras.saving.register_keras_serializable("kerasbert")
class Seq2Seq(TextModel):
    """An encoder and a decoder that writes a text for a text (Vaswani et al. 2017; Rothe et al. 2020, BERT2BERT).

    ```python
    model = kb.Seq2Seq.from_pretrained("path-or-hub-id")    # an encoder begins as BERT2BERT
    model = kb.Seq2Seq(kb.BertEncoder(kb.BertConfig.from_size("tiny", norm_first=True), tokenizer=tokenizer))
    model.compile()
    model.fit(["A man sleeps.", "Two dogs run."], ["Ein Mann schläft.", "Zwei Hunde laufen."])
    model.predict_text(["A man runs."])    # [{"generated_text": "Ein Mann läuft.", "score": -0.2, "finished": True}]
    model.save_pretrained("out/")
    ```

    Inputs: the encoder's, and `decoder_input_ids`, int32 (batch, length): a start token and the tokens of the target.
    Output: float32 logits (batch, length, vocab_size), of the token that follows each. `parts` holds the two graphs
    that write: `encoder`, and `decoder_step` for one token with a cache.

    Args:
        encoder: the encoder. It should have no pooler, because a pooler's weights would not be used.
        decoder: the decoder's configuration; None: the encoder's.
        cross_attention: how the decoder's queries are compared with the encoder's vectors, "dot" or "additive".
        tied_words: whether the decoder has the encoder's word table. Its own is always the matrix of the output.
        max_length: number of tokens that the model reads of a source; None: the encoder's limit.
        settings: the others of `kerasbert.tasks.seq2seq.Settings`, by name. The tokens that begin and end a text are
            the tokenizer's [CLS] and [SEP] unless they are given.

    Raises:
        ConfigError: an argument is not allowed, or two do not go together.
    """

    task = TASK
    heads = ("decoder",)

    def __init__(
        self,
        encoder: BertEncoder,
        *,
        decoder: BertConfig | None = None,
        cross_attention: str = "dot",
        tied_words: bool = True,
        max_length: int | None = None,
        **settings,
    ):
        kwargs = {name: settings.pop(name) for name in ("name", "dtype") if name in settings}
        dtype = kwargs.pop("dtype", None)
        encoder.config.check_blocks("seq2seq")
        saved = EncoderDecoderConfig(
            encoder=encoder.config,
            decoder=decoder or encoder.config,
            cross_attention=cross_attention,
            tied_words=tied_words,
        )
        settings = _settings(saved, encoder.tokenizer, max_length=max_length, **settings)

        # Layers
        decoder = Decoder(saved, words=encoder.embeddings, name="decoder", dtype=dtype)

        # Graph
        ids = keras.Input((None,), dtype="int32", name="decoder_input_ids")
        vectors = decoder(ids, encoder.output["sequence_output"], encoder.get_layer("attention_bias").output)
        logits = decoder.mlm(vectors)
        super().__init__(
            encoder=encoder, settings=settings, inputs={"decoder_input_ids": ids}, outputs=logits, **kwargs
        )

        # Config
        self._saved_config = saved
        self.decoder = decoder
        self.parts = parts_of(encoder, decoder)

    def graphs(self) -> tuple[Graph, ...]:
        return tuple(each.graph for each in self.functions())

    def functions(self) -> tuple[GraphFunction, ...]:
        embeddings = {"encoder": self.encoder.embeddings, "decoder_step": self.decoder.embeddings}
        found = []
        for graph in graphs(self.settings):
            part = getattr(self.parts, graph.name)
            found.append(
                GraphFunction(
                    graph=self._as_built(graph, part.input, part.output),
                    inputs=part.input,
                    call=partial(part, training=False),
                    embeddings=embeddings[graph.name],
                    places=self.settings.max_new_tokens if "cache" in part.input else None,
                )
            )
        return tuple(found)

    @property
    def padded_length(self) -> int:
        return min(self.max_length, self.settings.max_target_positions)

    def exported_settings(self) -> Settings:
        return dataclasses.replace(self.settings, max_target_positions=self.settings.max_new_tokens)

    def runs(self) -> dict:
        """The functions that compute the graphs, by name."""

        def run(model: keras.Model, batch: dict) -> dict:
            given = {name: batch[name] for name in model.input}
            if "cache" in given:
                more = -given["cache"].shape[1] % PLACES
                given["cache"] = np.pad(given["cache"], [(0, 0), (0, more), (0, 0)])
            found = model.predict_on_batch(given)
            return {name: np.asarray(x)[: len(batch["attention_mask"])] for name, x in found.items()}

        return {graph.name: partial(run, getattr(self.parts, graph.name)) for graph in self.graphs()}

    def predict(self, x, *arguments, **options):
        """Computes logits of arrays with `decoder_input_ids`, as `keras.Model.predict` does.

        Raises:
            ConfigError: `x` has texts, which `predict_text` answers.
        """
        if self._reads(x):
            raise ConfigError("predict gives logits, which need decoder_input_ids; predict_text(texts) writes texts")
        return super().predict(x, *arguments, **options)

    def compile(
        self,
        optimizer=None,
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        *,
        label_smoothing: float | None = None,
        **options,
    ):
        """Configures `fit` as `TextModel.compile` does.

        The usual loss is `kerasbert.training.losses.TokenCrossentropy`, and the usual metric the accuracy, both as
        means over the tokens of the batch. They never hold all logits at once, and so need less memory than others.

        Args:
            label_smoothing: the share of each target's probability that is spread over all words, in the usual loss;
                None: 0.1.

        Raises:
            ConfigError: as in `TextModel.compile`; `label_smoothing` is not from 0 to below 1, or given with a loss.
        """
        if loss is None:
            loss = TokenCrossentropy() if label_smoothing is None else TokenCrossentropy(label_smoothing)
        elif label_smoothing is not None:
            raise ConfigError(f"label_smoothing is {label_smoothing}, and loss is given too: leave one of them out")
        usual = type(loss) is TokenCrossentropy and loss.reduction == TokenCrossentropy().reduction
        self._sums_loss = usual and metrics is None and weighted_metrics is None
        every = [*keras.tree.flatten(metrics or []), *keras.tree.flatten(weighted_metrics or [])]
        super().compile(optimizer, loss, loss_weights, None, every or None, **options)
        self.label_smoothing = loss.label_smoothing if usual else 0.0
        self.accuracy = keras.metrics.Mean(name="accuracy") if self._sums_loss else None

    def divisors_of(self, batch):
        return super().divisors_of(_by_token(batch))

    def part_of(self, batch, divisors, training):
        batch = _by_token(batch)
        if not self._sums_loss:
            return super().part_of(batch, divisors, training)
        loss, right = self._sums(*batch, training)
        figures = {"loss": ops.divide_no_nan(loss, divisors["weights"][0]), "right": right}
        return figures["loss"], figures, ()

    def _sums(self, x, y, weights, training) -> tuple:
        """The summed loss of all tokens, and the sum of the weights of those that are foretold."""
        states = self.encoder({name: x[name] for name in self.encoder.input}, training=training)["sequence_output"]
        bias = self.encoder.get_layer("attention_bias")(x["attention_mask"])
        vectors = self.decoder(x["decoder_input_ids"], states, bias, training=training)
        features = self.decoder.mlm.transform(vectors)
        return masked_lm_loss(
            ops.reshape(features, (-1, features.shape[-1])),
            ops.cast(self.decoder.embeddings.word_table, features.dtype),
            ops.cast(self.decoder.mlm.bias, "float32"),
            ops.reshape(ops.cast(y, "int32"), (-1,)),
            ops.reshape(weights, (-1,)),
            label_smoothing=self.label_smoothing,
        )

    def report(self, batch, figures, divisors, outputs):
        if not self._sums_loss:
            return super().report(_by_token(batch), figures, divisors, outputs)
        self._loss_tracker.update_state(figures["loss"], sample_weight=divisors["weights"][0])
        right = ops.divide_no_nan(figures["right"], divisors["weights"][0])
        self.accuracy.update_state(right, sample_weight=divisors["weights"][0])
        return self.get_metrics_result()

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        if self._sums_loss:
            right = ops.equal(ops.argmax(y_pred, axis=-1), ops.cast(y, "int32"))
            self.accuracy.update_state(ops.cast(right, "float32"), sample_weight=sample_weight)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    @classmethod
    def _from_checkpoint(cls, checkpoint: Checkpoint, dtype, settings: Mapping) -> "Seq2Seq":
        given = {name: value for name, value in settings.items() if value is not None}
        shape = {name: given.pop(name) for name in SHAPE if name in given}
        pair, chosen = checkpoint.pair, stored_settings(checkpoint, cls.task) | given
        if pair is not None and shape:
            raise ConfigError(f"{checkpoint.folder}: has a decoder already; leave {', '.join(shape)} out")
        pooler = pair is not None and checkpoint.has("pooler")  # unused, and written as it was: transformers wants it
        encoder = BertEncoder(checkpoint.config, tokenizer=checkpoint.tokenizer(), pooler=pooler, dtype=dtype)
        if pooler:
            encoder.pooler.trainable = False
        if pair is None:
            layers = shape.pop("decoder_layers", encoder.config.num_hidden_layers)
            decoder = dataclasses.replace(encoder.config, num_hidden_layers=layers)
            model = cls(encoder, decoder=decoder, **shape, **chosen, dtype=dtype)
            checkpoint.load_into(model, source=warm_start(encoder.config.num_hidden_layers, layers))
        else:
            own = {"decoder": pair.decoder, "cross_attention": pair.cross_attention, "tied_words": pair.tied_words}
            model = cls(encoder, **own, **chosen, dtype=dtype)
            checkpoint.load_into(model)
        encoder.base = checkpoint.base
        return model

    @property
    def saved_config(self) -> EncoderDecoderConfig:
        return self._saved_config

    def saved_part(self):
        return self

    def transformers_settings(self) -> dict:
        own = ("decoder_start_token_id", "eos_token_id")
        found = {"head": "seq2seq", "keys": {name: getattr(self.settings, name) for name in own}, "says": own}
        if self.is_foreign_to_transformers():
            return found
        generation = {name: getattr(self.settings, name) for name in STORED}
        return found | {"files": {GENERATION: {**generation, "pad_token_id": self.saved_config.decoder.pad_token_id}}}

    def is_foreign_to_transformers(self) -> bool:
        return self.saved_config.is_foreign

    def get_config(self):
        saved = self.saved_config
        own = {"cross_attention": saved.cross_attention, "tied_words": saved.tied_words}
        return {
            "encoder": self.encoder.get_config(),
            "decoder": saved.decoder.to_dict(),
            **own,
            **dataclasses.asdict(self.settings),
            "name": self.name,
            "dtype": self.decoder.dtype_policy.name,
        }

    @classmethod
    def from_config(cls, config):
        return super().from_config({**config, "decoder": BertConfig.from_dict(config["decoder"])})


def _by_token(batch) -> tuple:
    """Inputs, targets, and a weight for each target, where a batch has weights of rows or none."""
    x, y, weights = keras.utils.unpack_x_y_sample_weight(batch)
    ones = ops.ones_like(y, dtype="float32")
    weights = ones if weights is None else ops.cast(weights, "float32")
    return x, y, ones * ops.expand_dims(weights, 1) if len(weights.shape) == 1 else weights


def _settings(config: EncoderDecoderConfig, tokenizer, *, max_length: int | None, **given) -> Settings:
    """The task's settings, where what is not given follows from the configuration and the tokenizer."""
    if tokenizer is not None:
        given = {**TASK.of_tokenizer(tokenizer), **given}
    missing = {"decoder_start_token_id", "eos_token_id"} - given.keys()
    if missing:
        raise ConfigError(f"{sorted(missing)[0]} is not known without a tokenizer: give it, or give the encoder one")
    for name in ("decoder_start_token_id", "eos_token_id"):
        if not 0 <= given[name] < config.decoder.vocab_size:
            raise ConfigError(f"{name} is {given[name]}: use 0 to {config.decoder.vocab_size - 1}, one of the words")
    given["max_target_positions"] = limit = config.decoder.max_length
    given.setdefault("max_new_tokens", min(limit, Settings.max_new_tokens))
    return Settings(max_length=config.encoder.max_length if max_length is None else max_length, **given)


def warm_start(encoder_layers: int, decoder_layers: int):
    """How a decoder begins as a checkpoint's encoder: the path of a weight -> the path of the weight that it begins as,
    or None for one that is new, as those of cross-attention.

    A decoder with fewer blocks begins as blocks from all over the encoder (Shleifer and Rush 2020, arXiv 2010.13002).
    """
    taken = np.linspace(0, encoder_layers - 1, decoder_layers).round().astype(int)

    def source(path: str) -> str | None:
        part, _, rest = path.partition("/")
        if part != "decoder":
            return path
        layer, _, inside = rest.partition("/")
        if inside.startswith("cross_attention"):
            return None
        return f"block_{taken[int(layer[6:])]}/{inside}" if layer.startswith("block_") else rest

    return source


MODEL = Seq2Seq
