"""kerasbert explain."""

import json
import shutil

import pytest

TEXT = "the film was good, and the room was stale"


def explained(run, tmp_path, *words) -> tuple[dict, list[str]]:
    """The JSON of a call, and the lines that it printed."""
    result = run("explain", *words, "--out", tmp_path / "why.json")
    assert result.exit_code == 0, result.output
    return json.loads((tmp_path / "why.json").read_text(encoding="utf-8")), result.stdout.splitlines()


def test_it_explains_what_predict_answers(run, tiny_classifier, tmp_path):
    found, lines = explained(run, tmp_path, tiny_classifier, TEXT, "--attention")
    answer = json.loads(run("predict", tiny_classifier, TEXT).stdout)
    assert found["answer"] == {name: answer[name] for name in ("label", "score")}
    (one,) = found["attributions"]
    assert one["target"] == answer["label"]
    assert one["complete"]
    assert json.loads(lines[0]) == found["answer"]
    assert lines[1].startswith(f"{answer['label']}: logit {one['score']:.3f}, baseline")
    largest = max(one["words"], key=lambda each: abs(each["attribution"]))
    assert lines[2].split() == [f"{largest['attribution']:+.4f}", largest["text"]]
    assert lines[-1] == f"{tmp_path / 'why.json'}: the explanation"
    assert len(found["attention"][0]["weights"]) == 2


def test_the_words_that_were_learned_decide(run, tiny_classifier, tmp_path):
    found, _ = explained(run, tmp_path, tiny_classifier, "the film was good", "--target", "positive")
    words = {each["text"]: each["attribution"] for each in found["attributions"][0]["words"]}
    assert max(words, key=words.get) == "good"


def test_a_question_has_a_context(run, tiny_answerer, tmp_path):
    found, _ = explained(run, tmp_path, tiny_answerer, "what was good?", "--context", TEXT, "--steps", "4")
    assert [each["target"] for each in found["attributions"]] == ["start", "end"]
    assert {each["field"] for each in found["attributions"][0]["words"]} == {"question", "context"}


@pytest.mark.parametrize(
    ("model", "words", "said"),
    [
        ("tiny_classifier", (TEXT, "--target", "odd"), "target is 'odd': the model knows negative, positive"),
        ("tiny_classifier", (TEXT, "--context", "a"), "text-classification takes no --context"),
        ("tiny_answerer", (TEXT,), "question-answering needs --context"),
        ("tiny_answerer", (TEXT, "--context", "a", "--target", "start"), "question-answering takes none"),
    ],
)
def test_a_wrong_call_is_one_line(run, request, tmp_path, model, words, said):
    result = run("explain", request.getfixturevalue(model), *words, "--out", tmp_path / "why.png")
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_a_task_that_cannot_be_explained_is_refused(run, tiny_bert, tmp_path):
    shutil.copytree(tiny_bert, tmp_path / "filler")
    config = json.loads((tiny_bert / "config.json").read_text(encoding="utf-8"))
    changed = json.dumps({**config, "architectures": ["BertForMaskedLM"]})
    (tmp_path / "filler" / "config.json").write_text(changed, encoding="utf-8")
    result = run("explain", tmp_path / "filler", "a [MASK]", "--out", tmp_path / "why.png")
    assert result.exit_code == 2
    said = "fill-mask cannot be explained; the tasks that can are text-classification, token-classification, question-"
    assert said in result.stderr


def test_a_bundle_is_refused(run, tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "kerasbert.json").write_text("{}", encoding="utf-8")
    result = run("explain", tmp_path / "bundle", TEXT, "--out", tmp_path / "why.png")
    assert result.exit_code == 2
    assert "bundle is a bundle; name the folder or .keras file that it was exported from" in result.stderr


def test_attributions_that_do_not_add_up_are_marked(run, tiny_classifier, tmp_path, monkeypatch):
    monkeypatch.setattr("kerasbert.explanations.explain.MOST_STEPS", 1)
    monkeypatch.setattr("kerasbert.explanations.integral.TOLERANCE", 0.0)
    result = run("explain", tiny_classifier, TEXT, "--steps", "1", "--out", tmp_path / "why.html")
    assert result.exit_code == 0
    assert "off after 1 steps: take them as rough, or give --steps 4" in result.stderr
