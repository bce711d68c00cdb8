"""A student of some of a teacher's blocks: each weight is compared with the teacher's own."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from conftest import small_vocabulary
from families import sizes_for, tokenizer_of

import kerasbert as kb
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.errors import ConfigError
from kerasbert.families import FAMILIES
from kerasbert.models.students import chosen_blocks, spread, student_of

DEPTH, CHOSEN = 4, (1, 2)


@pytest.mark.parametrize(
    ("depth", "count", "blocks"),
    [(12, 6, (0, 2, 4, 7, 9, 11)), (12, 4, (0, 4, 7, 11)), (6, 2, (0, 5)), (6, 6, (0, 1, 2, 3, 4, 5)), (6, 1, (0,))],
)
def test_blocks_are_spread_from_the_first_to_the_last(depth, count, blocks):
    """Twelve and six are those of DistilBERT's script."""
    assert spread(depth, count) == blocks


@pytest.mark.parametrize("layers", [0, 7, (), (0, 6), (-1, 2), (2, 0), (1, 1)])
def test_blocks_that_a_teacher_lacks_are_refused(layers):
    with pytest.raises(ConfigError, match=r"the teacher has 6; use 1 to 6|name different ones from 0 to 5"):
        chosen_blocks(6, layers)


def test_a_static_teacher_has_none():
    with pytest.raises(ConfigError, match="the teacher is a static encoder, which has no blocks; name a student"):
        chosen_blocks(0, None)


def test_a_third_is_usual():
    assert [len(chosen_blocks(depth, None)) for depth in (1, 2, 6, 12, 24)] == [1, 1, 2, 4, 8]


def config_of(family: str, **options) -> kb.BertConfig:
    sizes = sizes_for(tokenizer_of(family, small_vocabulary()), 32)
    return kb.BertConfig(**{**sizes, "model_type": family, "num_hidden_layers": DEPTH, **options})


def weights(model) -> dict[str, np.ndarray]:
    return {each.path: np.asarray(each) for each in model.weights}


def check_blocks(found: dict, of_teacher: dict, blocks, part: str = "block") -> None:
    """Each weight of the student is the teacher's: of its block, or of the same name."""
    numbers = {f"{part}_{place}": f"{part}_{block}" for place, block in enumerate(blocks)}
    assert {name.split("/")[0] for name in found if name.startswith(part)} == set(numbers)
    for name, value in found.items():
        group, _, rest = name.partition("/")
        wanted = f"{numbers.get(group, group)}/{rest}"
        if "final_norm" in name:
            wanted = f"{part}_{DEPTH - 1}/{rest}"
        np.testing.assert_array_equal(value, of_teacher[wanted], err_msg=name)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if not family.static])
def test_a_student_has_the_weights_of_the_teachers_blocks(family, norm_first, tmp_path):
    if norm_first and family != "bert":
        return
    keras.utils.set_random_seed(1)
    config = config_of(family, norm_first=norm_first)
    tokenizer = tokenizer_of(family, small_vocabulary())
    teacher = kb.TextClassifier(kb.BertEncoder(config, tokenizer=tokenizer), labels=["a", "b", "c"])
    teacher.save_pretrained(tmp_path / "teacher")
    checkpoint = open_checkpoint(tmp_path / "teacher")
    student = kb.TextClassifier.from_pretrained(student_of(checkpoint, CHOSEN))
    assert student.labels == teacher.labels
    assert student.config == replace(checkpoint.config, num_hidden_layers=2)
    check_blocks(weights(student), weights(teacher), CHOSEN)
    student.save_pretrained(tmp_path / "student")
    again = kb.TextClassifier.from_pretrained(str(tmp_path / "student"))
    assert again.predict_logits(["the film"]) == pytest.approx(student.predict_logits(["the film"]), abs=1e-6)


def test_a_student_of_a_translator_has_as_many_blocks_in_its_decoder(tmp_path):
    keras.utils.set_random_seed(1)
    encoder = kb.BertEncoder(config_of("bert"), tokenizer=tokenizer_of("bert", small_vocabulary()), pooler=False)
    teacher = kb.Seq2Seq(encoder)
    teacher.save_pretrained(tmp_path / "teacher")
    student = kb.Seq2Seq.from_pretrained(student_of(open_checkpoint(tmp_path / "teacher"), CHOSEN))
    found, of_teacher = (
        {name.removeprefix("decoder/"): x for name, x in weights(each).items() if "decoder" in name}
        for each in (student, teacher)
    )
    check_blocks(found, of_teacher, CHOSEN)
    check_blocks(weights(student.encoder), weights(teacher.encoder), CHOSEN)
