"""kerasbert predict: examples from texts on the command line."""

import dataclasses
import json

import click
import pytest

from kerasbert.cli.options import check_values
from kerasbert.cli.texts import examples_of
from kerasbert.tasks import task_named
from kerasbert.tasks.fields import Field
from kerasbert.tasks.seq2seq import Settings

TASK = task_named("text-classification")


def task_of(*fields):
    return dataclasses.replace(TASK, name="a-task", fields=fields)


TEXT, PAIR = TASK.fields
CONTEXT = Field("context", ("context",), option="context")


def test_a_further_field_goes_with_each_text():
    assert [each.fields for each in examples_of(TASK, ("a", "b"), {})] == [{"text": "a"}, {"text": "b"}]
    found = examples_of(TASK, ("a", "b"), {"text_pair": "c"})
    assert [each.fields for each in found] == [{"text": "a", "text_pair": "c"}, {"text": "b", "text_pair": "c"}]
    assert [each.place for each in found] == ["text[0]", "text[1]"]


@pytest.mark.parametrize(
    ("fields", "others", "said"),
    [
        ((TEXT, CONTEXT), {}, "a-task needs --context, the context that goes with each of TEXTS"),
        ((TEXT,), {"text_pair": "c"}, "a-task takes no --pair"),
        (
            (dataclasses.replace(TEXT, kind="words"),),
            {},
            "a-task takes a list of words for text: give --input FILE, such as a .jsonl file",
        ),
    ],
)
def test_examples_that_cannot_be_made_are_one_line(fields, others, said):
    with pytest.raises(click.UsageError) as refused:
        examples_of(task_of(*fields), ("a",), others)
    assert refused.value.message == said


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_texts_that_are_empty_or_cut_are_counted(run, tiny_classifier, file, command):
    """A long text is read in windows; of a pair of two long ones, one is cut."""
    long = "good " * 50
    path = file("test.csv", f"text,pair,label\n{long},{long},positive\n,good,negative\n{long},bad,negative\n")
    result = run(command, tiny_classifier, "--input" if command == "predict" else "--data", path)
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines() == [
        f"{path}: 1 of 3 texts (the first on line 3) is empty",
        f"{path}: 3 of 3 texts have a second text, but the model was trained on single texts",
        f"{path}: 1 of 3 texts were cut, at 32 tokens",
    ]


# What of an answer is shown, and where


def answers(run, *words) -> list[dict]:
    result = run("predict", *words)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("form", ["folder", "bundle"])
def test_every_label_or_the_best_of_them(run, tiny_classifier, tiny_bundle, form):
    model = {"folder": tiny_classifier, "bundle": tiny_bundle}[form]
    (usual,) = answers(run, model, "the film was good, book")
    (every,) = answers(run, model, "the film was good, book", "--all-scores")
    (best,) = answers(run, model, "the film was good, book", "--top-k", 1, "--batch-size", 1)
    assert [each["label"] for each in every["answers"]] == ["positive", "negative"]
    assert sum(each["score"] for each in every["answers"]) == pytest.approx(1)
    assert best["answers"] == [{"label": usual["label"], "score": pytest.approx(usual["score"], rel=1e-4)}]


def test_entities_from_a_score_on(run, tiny_tagger):
    (all_of_them,) = answers(run, tiny_tagger / "tagger", "the film was good and bad , book")
    scores = sorted(each["score"] for each in all_of_them["answers"])
    (some,) = answers(run, tiny_tagger / "tagger", "the film was good and bad , book", "--threshold", scores[1])
    assert sorted(each["score"] for each in some["answers"]) == scores[1:]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (
            ("--threshold", 0.5),
            "--threshold means nothing to model, for text-classification; --top-k, --all-scores would",
        ),
        (("--task", "sentence-embedding", "--top-k", 1), "--top-k means nothing to model, for sentence-embedding"),
        (
            ("--task", "feature-extraction", "--all-scores"),
            "--all-scores means nothing to model, for feature-extraction",
        ),
    ],
)
def test_an_option_that_means_nothing_is_a_wrong_call(run, tiny_classifier, tmp_path, option, said):
    (tmp_path / "model").symlink_to(tiny_classifier)
    result = run("predict", "model", "a", *option)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("task", "given", "said"),
    [
        ("question-answering", "--context c --top-k 50", "--top-k: top_k is 50: use 20 or less"),
        ("multiple-choice", "--choice a", "give --choice twice or more, each with some text"),
        ("multiple-choice", "--choice a --choice=", "give --choice twice or more, each with some text"),
    ],
)
def test_a_value_that_the_task_does_not_take_is_a_wrong_call(run, tiny_bert, task, given, said):
    result = run("predict", tiny_bert, "Who?", "--task", task, *given.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith(f"Error: {said}\n")


def test_values_that_allow_each_other_are_taken_together():
    settings = Settings(max_length=9, decoder_start_token_id=1, eos_token_id=2, max_new_tokens=8)
    check_values({"min_new_tokens": 20, "max_new_tokens": 40}, settings)
    check_values({"num_return_sequences": 6, "num_beams": 8}, settings)
    with pytest.raises(click.UsageError, match=r"^--min-new-tokens, --max-new-tokens: min_new_tokens is 4: use less"):
        check_values({"min_new_tokens": 4, "max_new_tokens": 4, "top_k": 3}, settings)
    with pytest.raises(click.UsageError, match=r"^--num-beams: num_return_sequences is 3: use 2 or less"):
        check_values({"num_beams": 2}, dataclasses.replace(settings, num_return_sequences=3))


def test_a_bundle_keeps_its_task(run, tiny_bundle):
    result = run("predict", tiny_bundle, "a", "--task", "sentence-embedding")
    assert result.exit_code == 2
    assert "is a bundle, whose task is text-classification; leave --task out" in " ".join(result.stderr.split())


def test_an_encoder_answers_as_the_task_that_is_named(run, tiny_bert):
    (found,) = answers(run, tiny_bert, "the film was good, book", "--task", "sentence-embedding")
    assert len(found["embedding"]) == 32


def test_a_file_that_is_read_is_not_overwritten(run, tiny_classifier, file):
    path = file("rows.csv", "text,label\nthe film was good,positive\nbad service,negative\n")
    for call in (
        ("predict", tiny_classifier, "--input", path, "--out", path),
        ("evaluate", tiny_classifier, "--data", path, "--plot", path),
    ):
        result = run(*call)
        assert result.exit_code == 2, result.output
        assert f"would overwrite {path}, which is read; name another file" in " ".join(result.stderr.split())
    assert path.read_text(encoding="utf-8").startswith("text,label\n")


def test_a_text_that_names_a_file_is_remarked_on(run, tiny_classifier, file):
    path = file("texts.txt", "the film was good\n")
    result = run("predict", tiny_classifier, path)
    assert result.exit_code == 0, result.output
    assert f"{path}: is answered as a text, though there is such a file; --input {path} reads it" in result.stderr


def test_a_bundle_has_no_weights_to_start_from(run, tiny_bundle, file):
    path = file("train.csv", "text,label\na,1\nb,0\n")
    result = run("finetune", "text-classification", "--train", path, "--checkpoint", tiny_bundle, "--out", "out")
    assert result.exit_code == 1
    assert f"{tiny_bundle}: is a bundle; name the model folder that it was made from" in " ".join(result.stderr.split())


def test_answers_go_to_a_file_as_a_whole_or_not_at_all(run, tiny_classifier, file, tmp_path):
    path = file("texts.txt", "the film was good\n\nbad service\n")
    result = run("predict", tiny_classifier, "--input", path, "--out", "answers.jsonl")
    assert (result.exit_code, result.stdout) == (0, "answers.jsonl: 3 answers\n"), result.output
    assert result.stderr.startswith(f"{path}: 1 of 3 texts (the first on line 2) is empty")
    lines = (tmp_path / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["the film was good", "", "bad service"]
    broken = file("texts.csv", "text\na\n\udce9\n".encode(errors="surrogateescape"))
    before = sorted(tmp_path.iterdir())
    assert run("predict", tiny_classifier, "--input", broken, "--out", "other.jsonl").exit_code == 1
    assert sorted(tmp_path.iterdir()) == before


# A model that Keras saved as one file


def test_a_keras_file_answers_and_is_measured(run, tiny_classifier, opinion_file, tmp_path):
    from kerasbert import TextClassifier

    TextClassifier.from_pretrained(tiny_classifier).save(tmp_path / "model.keras")
    assert answers(run, "model.keras", "the film was good, book") == answers(
        run, tiny_classifier, "the film was good, book"
    )
    (best,) = answers(run, "model.keras", "the film was good, book", "--top-k", 1)
    assert best["answers"][0]["label"] == "positive"
    measured = run("evaluate", "model.keras", "--data", opinion_file)
    assert measured.stdout == run("evaluate", tiny_classifier, "--data", opinion_file).stdout
    wrong = run("predict", "model.keras", "a", "--task", "sentence-embedding")
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert "answers text-classification, not sentence-embedding; for its encoder alone save a folder" in wrong.stderr


def test_a_keras_file_that_is_none_of_ours_is_one_line(fails, tmp_path):
    import keras

    assert fails("predict", "none.keras", "a") == "none.keras: no such file"
    (tmp_path / "text.keras").write_text("x")
    assert fails("predict", "text.keras", "a").startswith("text.keras: Keras cannot load it (")
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "other.keras")
    assert "other.keras: holds a Sequential, which answers no task" in fails("evaluate", "other.keras", "--data", "a")
