"""Models that train a student on text beside its frozen teacher; the teacher's pass is a part of the train step."""

import dataclasses

import keras
from keras import ops

from kerasbert.checkpoints.card import Card
from kerasbert.errors import ConfigError
from kerasbert.layers.attention import PackedAttentionBias
from kerasbert.layers.gather import gather_tokens
from kerasbert.layers.intermediates import observed
from kerasbert.models.cards import encoder_card
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.pretraining import LEARNED, PretrainingModel, choice_sums, embedded
from kerasbert.training.distillation import cosine_loss, relation_heads_of, relation_loss, soft_target_loss
from kerasbert.training.trainer import SummedLossTrainer

KINDS = ("queries", "keys", "values")
DEEP = 12
"""Teachers with more blocks teach from an upper middle one, not the last."""


def teaching_block(depth: int, block: int | None = None) -> int:
    """The teacher's block that a student learns relations from, counted from 0.

    Args:
        depth: the number of the teacher's blocks.
        block: the one that was asked for. None: the last of up to 12, and above that the one at seven eighths of the
            depth. The paper takes the last of 12, and the 21st of BERT-large's 24 (section 4.1).

    Raises:
        ConfigError: there is no such block.
    """
    if block is None:
        return depth - 1 if depth <= DEEP else round(depth * 7 / 8) - 1
    if not 0 <= block < depth:
        raise ConfigError(f"teacher_block is {block}: the teacher has {depth} blocks, so use 0 to {depth - 1}")
    return block


class Distiller(SummedLossTrainer, keras.Model):
    """What both ways have in common.

    Only the student is a part of this model: checkpoints and optimizer leave the teacher out. The teacher is used in
    inference mode, and its `trainable` becomes False.

    Args:
        student, teacher: encoders or models with one, of the same vocabulary.
        factors: the parts of the loss and the factor of each.
    """

    method = ""
    """What the student's card calls the way of distilling."""

    def __init__(self, student, teacher, *, factors: dict[str, float], **kwargs):
        super().__init__(**kwargs)
        for each in (student, teacher):
            _encoder_of(each).config.check_blocks("distillation on text")
        learned, taught = (_encoder_of(each).config.vocab_size for each in (student, teacher))
        if learned != taught:
            raise ConfigError(f"the student has {learned} words and the teacher {taught}: they must have the same ones")
        teacher.trainable = False
        self.student = student
        self._teacher = lambda: teacher  # Keras would take a model in an attribute for a part of this one
        self.factors = {name: factor for name, factor in factors.items() if factor}
        dtype = _encoder_of(student).embeddings.dtype_policy
        self.packed_bias = PackedAttentionBias(name="packed_bias", dtype=dtype)
        self.built = True

    @property
    def teacher(self):
        return self._teacher()

    @property
    def config(self):
        """The student's configuration."""
        return self.student.config

    def save_pretrained(self, folder: str) -> None:
        """Writes the student, see its own `save_pretrained`."""
        self.student.save_pretrained(folder)

    def card(self) -> Card:
        """What the student's model card says."""
        own = encoder_card(self.student) if isinstance(self.student, BertEncoder) else self.student.card()
        base = _encoder_of(self.teacher).base
        teacher = base.title if base else "its teacher"
        return dataclasses.replace(own, said=f"{own.said} It was distilled from {teacher} with {self.method}.")

    @property
    def untaught(self) -> list[keras.Variable]:
        """Variables of the student that no loss reaches."""
        pooler = _encoder_of(self.student).pooler
        return [] if pooler is None else pooler.variables

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """Without the untaught ones: their gradients are 0, so weight decay alone would change them."""
        aside = set(map(id, self.untaught))
        return [each for each in super().trainable_variables if id(each) not in aside]

    @property
    def summed(self) -> dict[str, tuple[str, ...]]:
        return dict.fromkeys(self.factors, ("loss",))

    def call(self, batch, training=None):
        """The sums of a batch, see `SummedLossTrainer`."""
        return self.sums_of(batch, training)

    def total_of(self, means: dict):
        """The sum of the losses' means, each times its factor."""
        return sum(self.factors[part] * mean for part, mean in means.items())

    def states(self, encoder: BertEncoder, batch: dict, blocks: int, training: bool | None):
        """Hidden states (batch, sequence, hidden_size) behind the first blocks of an encoder."""
        x, bias = embedded(encoder, batch, training), self.bias(encoder, batch)
        for block in encoder.blocks[:blocks]:
            x = block(x, bias, training=training)
        return x

    def bias(self, encoder: BertEncoder, batch: dict):
        """Who sees whom in a batch, packed or not: (batch, 1, 1 or sequence, sequence)."""
        if "instance_ids" in batch:
            return self.packed_bias(batch["instance_ids"], batch["instance_ids"])
        return encoder.get_layer("attention_bias")(batch["attention_mask"])


class RelationDistiller(Distiller):
    """MiniLMv2's distillation: the student's last block learns the relations of one of the teacher's.

    The loss is the sum of `relation_loss` of queries, of keys and of values, each the mean over the tokens of a batch.
    Widths, heads and numbers of blocks of the two encoders may differ. Nothing behind the student's last keys, queries
    and values has a gradient: the rest of its last block stays as it began, until the student is fine-tuned.

    ```python
    model = RelationDistiller(student, teacher)
    model.compile(optimizer)
    model.fit(data.dataset(), steps_per_epoch=data.steps_per_epoch)     # data: a PlainData
    ```

    Args:
        student, teacher: encoders of the same vocabulary.
        heads: the number of relation heads; see `relation_heads_of`.
        block: the teacher's block, counted from 0; see `teaching_block`.

    Raises:
        ConfigError: they do not divide both widths, there is no such block, or the vocabularies differ.
    """

    method = "MiniLMv2's relation loss"

    def __init__(self, student: BertEncoder, teacher: BertEncoder, *, heads=None, block=None, **kwargs):
        super().__init__(student, teacher, factors=dict.fromkeys(KINDS, 1.0), **kwargs)
        self.heads = relation_heads_of(teacher.config.hidden_size, student.config.hidden_size, heads)
        self.block = teaching_block(teacher.config.num_hidden_layers, block)

    @property
    def untaught(self) -> list[keras.Variable]:
        last = self.student.blocks[-1]
        learning = [last.attention.query, last.attention.key, last.attention.value]
        learning += [last.attention_norm] if last.norm_first else []
        reached = {id(each) for layer in learning for each in layer.variables}
        return [*super().untaught, *(each for each in last.variables if id(each) not in reached)]

    def weights_of(self, batch: dict) -> dict:
        """The divisor of each loss: the number of the batch's tokens, float32."""
        return dict.fromkeys(KINDS, ops.sum(ops.cast(batch["attention_mask"], "float32")))

    def sums_of(self, batch: dict, training: bool | None = None) -> dict:
        """Sums over tokens: `{"queries": {"loss": 30.0}, "keys": ..., "values": ...}`, float32 scalars."""
        taught = self.parts(self.teacher, batch, self.block, training=False)
        learned = self.parts(self.student, batch, len(self.student.blocks) - 1, training=training)
        bias = self.bias(self.student, batch)
        weights = ops.cast(batch["attention_mask"], "float32")
        return {
            kind: {"loss": relation_loss(taught[kind], learned[kind], bias, weights, heads=self.heads)}
            for kind in KINDS
        }

    def parts(self, encoder: BertEncoder, batch: dict, block: int, *, training: bool | None) -> dict:
        """Queries, keys and values of a block by name, each (batch, heads, sequence, head size)."""
        path = f"{encoder.blocks[block].attention.path}/"
        with observed(*(path + kind for kind in KINDS)) as seen:
            self.states(encoder, batch, block + 1, training)
        return {kind: seen[path + kind] for kind in KINDS}


class TripleDistiller(Distiller):
    """DistilBERT's distillation (Sanh et al. 2019, arXiv 1910.01108, section 2; huggingface/transformers,
    research_projects/distillation/distiller.py).

    The loss is a weighted sum of three means: soft targets and true words, over the masked words, and `1 - cosine` of
    the last hidden states, over all tokens. Soft targets at the masked words alone are the published code's
    `restrict_ce_to_mask`; without it, the code takes them at all tokens.

    Args:
        student, teacher: `PretrainingModel`s of the same vocabulary.
        temperature: of the soft targets.
        soft_weight, mlm_weight, cosine_weight: the factor of each part. A part whose factor is 0 is not computed.

    Raises:
        ConfigError: the widths differ and `cosine_weight` is not 0, or the vocabularies differ.
    """

    method = "DistilBERT's triple loss"

    def __init__(
        self,
        student: PretrainingModel,
        teacher: PretrainingModel,
        *,
        temperature: float = 2.0,
        soft_weight: float = 5.0,
        mlm_weight: float = 2.0,
        cosine_weight: float = 1.0,
        **kwargs,
    ):
        factors = {"soft": soft_weight, "mlm": mlm_weight, "cosine": cosine_weight}
        super().__init__(student, teacher, factors=factors, **kwargs)
        widths = [each.config.hidden_size for each in (teacher, student)]
        if cosine_weight and widths[0] != widths[1]:
            raise ConfigError(
                f"the teacher's width is {widths[0]} and the student's {widths[1]}, but the cosine loss needs equal "
                "ones: use cosine_weight 0, or the loss relations"
            )
        self.temperature = temperature

    @property
    def summed(self) -> dict[str, tuple[str, ...]]:
        return {name: ("loss", "accuracy") if name == "mlm" else ("loss",) for name in self.factors}

    def weights_of(self, batch: dict) -> dict:
        """The divisors: the number of masked words, and for the cosine loss of tokens, float32.

        Raises:
            ConfigError: the batch has no masked words.
        """
        missing = [name for name in LEARNED if name not in batch]
        if missing:
            raise ConfigError(f"a batch without {', '.join(missing)}: train on batches of PretrainingData")
        words, tokens = ops.sum(batch["mlm_weights"]), ops.sum(ops.cast(batch["attention_mask"], "float32"))
        return {name: tokens if name == "cosine" else words for name in self.factors}

    def sums_of(self, batch: dict, training: bool | None = None) -> dict:
        """Sums over masked words or tokens: `{"soft": {"loss": 30.0}, ...}`, float32 scalars."""
        (taught, teacher), (learned, student) = (
            self.states_and_logits(model, batch, mode)
            for model, mode in ((self.teacher, False), (self.student, training))
        )
        words, tokens = batch["mlm_weights"], ops.cast(batch["attention_mask"], "float32")
        found = {
            "soft": lambda: {"loss": soft_target_loss(teacher, student, words, temperature=self.temperature)},
            "mlm": lambda: choice_sums(student, batch["mlm_ids"], words),
            "cosine": lambda: {"loss": cosine_loss(taught, learned, tokens)},
        }
        return {name: found[name]() for name in self.factors}

    def states_and_logits(self, model: PretrainingModel, batch: dict, training: bool | None):
        """The last hidden states (batch, sequence, hidden_size), and float32 (batch, masked, vocab_size)."""
        states = self.states(model.encoder, batch, len(model.encoder.blocks), training)
        return states, model.mlm(gather_tokens(states, batch["mlm_positions"]))


def _encoder_of(model) -> BertEncoder:
    return getattr(model, "encoder", model)
