"""Students beside their teachers: losses from full forward passes, packed rows, micro-batches, what is refused."""

import keras
import numpy as np
import pytest
from training.replica_runs import Rows, make_model
from training.test_trainer import unpacked

from kerasbert import BertConfig, BertEncoder
from kerasbert.errors import ConfigError
from kerasbert.layers.intermediates import observed
from kerasbert.models.distilling import RelationDistiller, TripleDistiller, teaching_block
from kerasbert.training.distillation import relation_loss

ANOTHER = {"hidden_size": 24, "num_attention_heads": 3, "num_hidden_layers": 1}
"""A student of another shape than `make_model`'s, whose width is 16."""


def relation_distiller(**options) -> RelationDistiller:
    return RelationDistiller(make_model(**ANOTHER).encoder, make_model().encoder, **options)


def triple_distiller(**options) -> TripleDistiller:
    student = make_model("plain", num_hidden_layers=1, hidden_size=16)
    return TripleDistiller(student, make_model("plain", initializer_range=0.4), **options)


def sums(model, batch: dict, figure: str = "loss") -> dict[str, float]:
    return {name: float(part[figure]) for name, part in model.sums_of(batch).items() if figure in part}


def test_relations_are_those_of_the_encoders_named_tensors():
    model, batch = relation_distiller(heads=8, block=0), Rows("plain").batch(0)
    kinds = ("queries", "keys", "values")
    seen = []
    for encoder in (model.teacher, model.student):
        with observed("block_0/attention/*") as tensors:
            encoder({name: batch[name] for name in encoder.input})
        seen.append(tensors)
    real = batch["attention_mask"].astype("float32")
    bias = (1 - real[:, None, None]) * -1e4
    found = sums(model, batch)
    for kind in kinds:
        taught, learned = (tensors[f"block_0/attention/{kind}"] for tensors in seen)
        assert found[kind] == pytest.approx(float(relation_loss(taught, learned, bias, real, heads=8)), rel=1e-5)
    assert {name: float(x) for name, x in model.weights_of(batch).items()} == dict.fromkeys(kinds, real.sum())


@pytest.mark.parametrize("make", [relation_distiller, triple_distiller])
def test_packed_rows_have_the_loss_of_single_ones(make):
    model, batch = make(), Rows("packed").batch(1)
    assert sums(model, batch) == pytest.approx(sums(model, unpacked(batch)), rel=1e-5)


def test_the_triple_loss_is_that_of_full_logits():
    model, batch = triple_distiller(), Rows("plain").batch(0)
    logits = []
    for each in (model.teacher, model.student):
        inputs = {name: batch[name] for name in each.input}
        logits.append(np.asarray(each(inputs)["mlm_logits"], "float64"))
    chosen, ids = batch["mlm_weights"] > 0, batch["mlm_ids"]
    log_p, log_q = (x / 2 - np.log(np.exp(x / 2).sum(-1, keepdims=True)) for x in logits)
    soft = 4 * (np.exp(log_p) * (log_p - log_q)).sum(-1)[chosen].sum()
    log_q = logits[1] - np.log(np.exp(logits[1]).sum(-1, keepdims=True))
    mlm = -np.take_along_axis(log_q, ids[..., None], -1)[..., 0][chosen].sum()
    inputs = {name: batch[name] for name in model.student.encoder.input}
    a, b = (np.asarray(each.encoder(inputs)["sequence_output"]) for each in (model.teacher, model.student))
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    real = batch["attention_mask"] > 0
    wanted = {"soft": soft, "mlm": mlm, "cosine": (1 - cosine[real]).sum()}
    assert sums(model, batch) == pytest.approx(wanted, rel=1e-5)
    assert sums(model, batch, "accuracy") == {"mlm": (logits[1].argmax(-1) == ids)[chosen].sum()}


@pytest.mark.parametrize("make", [relation_distiller, triple_distiller])
def test_a_step_moves_the_student_alone_and_micro_batches_change_nothing(make):
    found = []
    for accumulate in (1, 4):
        model = make()
        teacher = [np.array(x) for x in model.teacher.get_weights()]
        before = [np.array(x) for x in model.get_weights()]
        assert model.count_params() == model.student.count_params()
        model.compile(keras.optimizers.SGD(0.1), accumulate=accumulate)
        logs = model.fit(Rows("plain").dataset(), steps_per_epoch=2, verbose=0, shuffle=False).history
        for one, other in zip(teacher, model.teacher.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
        assert any((one != other).any() for one, other in zip(before, model.get_weights(), strict=True))
        found.append((logs["loss"][0], np.concatenate([x.ravel() for x in model.get_weights()])))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-5)


@pytest.mark.parametrize("norm_first", [False, True])
def test_weight_decay_leaves_alone_what_no_relation_reaches(norm_first):
    student = make_model(**ANOTHER, norm_first=norm_first).encoder
    model = RelationDistiller(student, make_model().encoder)
    before = {each.path: np.array(each) for each in student.weights}
    model.compile(keras.optimizers.AdamW(0.01, weight_decay=1.0))
    model.fit(Rows("plain").dataset(), steps_per_epoch=1, verbose=0, shuffle=False)
    still = {each.path for each in student.weights if (before[each.path] == np.asarray(each)).all()}
    first = ("attention_norm",) if norm_first else ()
    reached = [f"block_0/{each}/" for each in ("attention/query", "attention/key", "attention/value", *first)]
    assert still == {path for path in before if not path.startswith(("embeddings/", *reached))}
    assert any("pooler" in path for path in still)


def test_the_loss_is_the_weighted_sum_and_parts_of_factor_0_are_left_out():
    batch = Rows("plain").batch(0)
    model = triple_distiller(soft_weight=3.0, mlm_weight=0.0, cosine_weight=0.5)
    model.compile("sgd")
    figures = model.evaluate(Rows("plain").dataset(), steps=1, verbose=0, return_dict=True)
    assert set(figures) == {"loss", "soft_loss", "cosine_loss"}
    found, weights = sums(model, batch), model.weights_of(batch)
    assert figures["soft_loss"] == pytest.approx(found["soft"] / float(weights["soft"]), rel=1e-5)
    assert figures["loss"] == pytest.approx(3 * figures["soft_loss"] + 0.5 * figures["cosine_loss"], rel=1e-5)


def test_half_precision_and_xla_learn():
    for options in ({"dtype": "mixed_bfloat16"}, {}):
        student, teacher = (make_model("plain", **more, **options).encoder for more in (ANOTHER, {}))
        model = RelationDistiller(student, teacher)
        model.compile(keras.optimizers.Adam(3e-3), jit_compile=not options)
        data = Rows("plain").dataset().take(1).cache().repeat()
        losses = model.fit(data, steps_per_epoch=1, epochs=12, verbose=0, shuffle=False).history["loss"]
        assert losses[-1] < 0.8 * losses[0]


def test_the_usual_block_is_the_papers():
    assert [teaching_block(depth) for depth in (1, 6, 12, 24)] == [0, 5, 11, 20]
    assert teaching_block(6, 0) == 0
    with pytest.raises(ConfigError, match="teacher_block is 6: the teacher has 6 blocks, so use 0 to 5"):
        teaching_block(6, 6)


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(ConfigError, match="the student has 50 words and the teacher 40"):
        RelationDistiller(make_model(vocab_size=50).encoder, make_model().encoder)
    with pytest.raises(ConfigError, match="the teacher's width is 16 and the student's 24, but the cosine loss"):
        TripleDistiller(make_model("plain", **ANOTHER), make_model("plain"))
    narrow = TripleDistiller(make_model("plain", **ANOTHER), make_model("plain"), cosine_weight=0)
    assert set(sums(narrow, Rows("plain").batch(0))) == {"soft", "mlm"}
    rows = {name: x for name, x in Rows("plain").batch(0).items() if not name.startswith("mlm")}
    with pytest.raises(ConfigError, match="a batch without mlm_positions, mlm_ids, mlm_weights"):
        narrow.weights_of(rows)


@pytest.mark.parametrize("static_student", [True, False])
def test_a_static_encoder_is_refused(static_student):
    encoder = make_model().encoder
    static = BertEncoder(BertConfig(model_type="static", vocab_size=encoder.config.vocab_size, hidden_size=16))
    with pytest.raises(ConfigError, match="distillation on text needs the blocks of an encoder, and a static one has"):
        RelationDistiller(*((static, encoder) if static_student else (encoder, static)))
