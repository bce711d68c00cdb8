"""What a teacher cannot teach is told before it works, and before anything is written."""

import pytest
from runs.short_runs import lines

import kerasbert as kb
from kerasbert.errors import ConfigError, DataError, KerasBertError
from kerasbert.runs.distill import distill


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": 3}, "a student of 3 blocks: the teacher has 2; use 1 to 2"),
        ({"alpha": 2.0}, "alpha is 2.0: use a share from 0"),
        ({"temperature": 0.0}, "temperature is 0.0: use a number above 0"),
        ({"class_weight": "balanced"}, "class_weight is balanced: a student learns without it"),
        ({"settings": {"pooling": "mean"}}, "pooling: a student has its teacher's settings"),
        ({"soft_labels": "out/labels"}, "soft_labels is out/labels: the output folder must begin empty"),
        ({"soft_labels": "other"}, "soft_labels is other: holds a model; name a folder for the teacher's answers"),
        ({"layers": 1, "checkpoint": "x"}, "layers are blocks of the teacher, and a checkpoint is given too"),
        ({"layers": 1, "static": 8}, "static is an encoder without blocks, so leave layers and checkpoint out"),
        ({"augment": 0}, "augment is 0: use a whole number, 1 or more"),
        (
            {"checkpoint": "x", "hidden_act": "relu"},
            "hidden_act changes blocks of the teacher, and checkpoint",
        ),
        ({"static": 8, "intermediate_size": 8}, "intermediate_size changes blocks of the teacher, and static"),
        ({"intermediate_size": 65}, "intermediate_size is 65: use a whole number from 1 to 64"),
        ({"static": 8, "layer_decay": 0.9}, "layer_decay is 0.9: a static student has no blocks; leave it out"),
        ({"alpha": 0.0, "augment": 2}, "the texts of augment have none; leave augment out"),
        ({"hidden_act": "sin"}, "hidden_act is 'sin': use one of gelu"),
        ({"static": 33}, "size is 33: use 1 to 32, the width of"),
    ],
)
def test_what_no_run_can_have_is_told_before_anything_is_read(tiny_classifier, tmp_path, monkeypatch, changes, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match=message):
        distill(tiny_classifier, tmp_path / "none.csv", tmp_path / "out", **changes)
    assert not (tmp_path / "out").exists()


def test_a_static_student_of_a_pooling_that_it_lacks_is_told_before_the_teacher_works(
    tiny_classifier, tmp_path, answered
):
    tokenizer = kb.BertEncoder.from_pretrained(str(tiny_classifier)).tokenizer
    config = kb.BertConfig(model_type="static", vocab_size=tokenizer.vocab_size, hidden_size=4)
    kb.BertEncoder(config, tokenizer=tokenizer).save_pretrained(tmp_path / "static")
    path = lines(tmp_path / "texts.txt", ["the film"])
    with pytest.raises(
        ConfigError, match="the teacher's pooling 'cls' needs the blocks of an encoder, and a static one"
    ):
        distill(tiny_classifier, None, tmp_path / "out", unlabelled=path, checkpoint=str(tmp_path / "static"))
    assert not answered


def test_what_does_not_go_with_a_teacher_is_told(tiny_bert, tiny_tagger, tmp_path):
    kb.SentenceEncoder.from_pretrained(str(tiny_bert)).save_pretrained(tmp_path / "teacher")
    path = lines(tmp_path / "texts.txt", ["the film"])
    for name in ("alpha", "temperature"):
        with pytest.raises(ConfigError, match=f"{name} means nothing to a teacher for sentence-embedding"):
            distill(tmp_path / "teacher", None, tmp_path / "out", unlabelled=path, **{name: 0.5})
    kb.BertEncoder.from_pretrained(None).save_pretrained(tmp_path / "other")
    with pytest.raises(ConfigError, match=r"its vectors have \d+ numbers, and those of .* 32; take a student of"):
        distill(tmp_path / "teacher", None, tmp_path / "out", unlabelled=path, checkpoint=str(tmp_path / "other"))
    with pytest.raises(ConfigError, match=r"its tokenizer is not that of .*, so tokens of the two cannot be matched"):
        distill(tiny_tagger / "tagger", None, tmp_path / "out", unlabelled=path, checkpoint=str(tmp_path / "other"))
    with pytest.raises(ConfigError, match=r"size is 8: the vectors of .* have 32 numbers, so use 32"):
        distill(tmp_path / "teacher", None, tmp_path / "out", unlabelled=path, static=8)
    with pytest.raises(ConfigError, match="token-classification does not pool the tokens of a text, so a static"):
        distill(tiny_tagger / "tagger", None, tmp_path / "out", unlabelled=path, static=8)
    with pytest.raises(ConfigError, match="alpha is 0, so only right answers count, and the texts of unlabelled have"):
        distill(tiny_tagger / "tagger", None, tmp_path / "out", unlabelled=path, alpha=0.0)
    with pytest.raises(DataError, match="token-classification has no column for 'question': name "):
        distill(tiny_tagger / "tagger", None, tmp_path / "out", unlabelled=path, columns={"question": "q"})
    with pytest.raises(DataError, match="there are no examples to learn from"):
        distill(tmp_path / "teacher", None, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_in_use_is_told_before_a_static_student_is_made(tiny_classifier, tmp_path, monkeypatch):
    def too_early(*arguments, **options):
        raise AssertionError

    monkeypatch.setattr("kerasbert.runs.distill.static_student", too_early)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(KerasBertError, match="the output folder is not empty"):
        distill(tiny_classifier, tmp_path / "train.csv", tmp_path / "out", static=8)
