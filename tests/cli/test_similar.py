"""finetune sentence-embedding and evaluate: the kind of a file's examples decides what is measured."""

import json

import pytest
from conftest import BAD, GOOD, write_csv

ROWS = [(f"the {thing} was {how}", f"it is {how}") for how in (*GOOD[:3], *BAD[:3]) for thing in ("film", "book")]
FEW = ("--epochs", 1, "--batch-size", 4, "--max-length", 12)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("similar")
    write_csv(folder / "pairs.csv", ROWS, ("question", "answer"))
    write_csv(
        folder / "scored.csv",
        [(*row, 4.5 - place % 3) for place, row in enumerate(ROWS)],
        ("sentence1", "sentence2", "score"),
    )
    (folder / "vectors.jsonl").write_text('{"text": "a film", "score": [0.1, 0.2, 0.3]}\n')
    write_csv(folder / "triplets.csv", [(*row, "it was") for row in ROWS], ("anchor", "positive", "negative"))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "figure", "said"),
    [
        ("pairs", (), "recall_at_1", "12 pairs"),
        ("scored", ("--prompt", "text: "), "spearman", "a score is above 1: scores are taken to be from 0 to 5"),
        ("triplets", ("--loss", "triplet", "--metric", "accuracy"), "accuracy", "12 pairs, 12 of them with a negative"),
    ],
)
def test_a_file_is_learned_and_measured_by_its_columns(run, tiny_bert, files, tmp_path, name, options, figure, said):
    path = files / f"{name}.csv"
    call = (
        "finetune",
        "sentence-embedding",
        "--checkpoint",
        tiny_bert,
        "--train",
        path,
        "--dev",
        path,
        "--keep",
        "best",
    )
    result = run(*call, *FEW, *options, "--out", "out")
    assert result.exit_code == 0, result.output
    assert said in result.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert f"val_{figure}" in report["figures"]
    assert report["recipe"]["metric"] == figure
    measured = run("evaluate", "out", "--data", path, "--json")
    assert measured.exit_code == 0, measured.output
    assert json.loads(measured.stdout)[figure] == pytest.approx(report["figures"][f"val_{figure}"], abs=1e-6)
    if name == "pairs":
        assert json.loads(measured.stdout)["candidates"] == 6


LONG = "vectors.jsonl, line 1: a vector of 3 numbers, and the model gives vectors of 32; take those of such a model"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("vectors", (), LONG),
        ("pairs", ("--dev", "vectors"), LONG),
        ("scored", ("--loss", "triplet"), "this loss takes pairs without scores; leave --loss out"),
        ("pairs", ("--loss", "triplet"), "pairs.csv, line 2: no negative; the triplet loss needs one in each example"),
        ("scored", ("--score-max", "3"), "scored.csv, line 2: the score 4.5 is not from 0 to 3"),
        ("pairs", ("--positive-column", "text"), "pairs.csv: no column 'text'; it has question, answer"),
    ],
)
def test_a_call_that_cannot_be_is_one_line(run, tiny_bert, files, tmp_path, name, options, message):
    place = {each.stem: each for each in files.iterdir()}
    options = [place.get(each, each) for each in options]
    call = ("finetune", "sentence-embedding", "--checkpoint", tiny_bert, "--train", place[name])
    result = run(*call, *FEW, *options, "--out", "out")
    assert result.exit_code == 1, result.output
    assert message in result.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_a_figure_that_dev_does_not_allow_is_named(run, tiny_bert, files):
    pairs = files / "pairs.csv"
    call = ("finetune", "sentence-embedding", "--checkpoint", tiny_bert, "--train", pairs, "--dev", pairs)
    result = run(*call, *FEW, "--metric", "spearman", "--out", "out")
    assert result.stderr.splitlines()[-1] == (
        "Error: --metric is 'spearman': use one of loss, recall_at_1, recall_at_5, recall_at_10, mrr"
    )
