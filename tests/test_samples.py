"""The labelled sample that ships in the package: `kerasbert/samples`."""

import csv
import io
from collections import Counter
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest

from kerasbert import samples
from kerasbert.examples.readers import read_examples
from kerasbert.tasks.text_classification import TASK

FOLDER = Path(samples.__file__).parent
ROWS = {"sentiment_train.csv": 520, "sentiment_dev.csv": 160}


@pytest.fixture(scope="module", params=ROWS)
def name(request):
    return request.param


def texts(name):
    return [example.fields["text"] for example in read_examples(FOLDER / name, TASK)]


def test_the_files_are_package_data():
    found = {entry.name for entry in files("kerasbert.samples").iterdir()}
    assert found >= {*ROWS, "README.md"}
    # The quickstart looks beside the module: both must mean the same files.
    assert files("kerasbert.samples").joinpath("sentiment_dev.csv").read_bytes() == (
        FOLDER.joinpath("sentiment_dev.csv").read_bytes()
    )


def test_the_sample_has_at_least_500_sentences():
    assert sum(len(texts(name)) for name in ROWS) >= 500


def test_rows_are_as_many_as_the_readme_says_and_half_of_them_positive(name):
    examples = read_examples(FOLDER / name, TASK)
    half = ROWS[name] // 2
    assert Counter(example.truth for example in examples) == {"positive": half, "negative": half}
    assert f"| `{name}` | {2 * half} | {half} | {half} |" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_no_sentence_stands_twice_in_or_across_the_files():
    counts = Counter(" ".join(text.casefold().split()) for name in ROWS for text in texts(name))
    assert [text for text, count in counts.items() if count > 1] == []


def test_every_sentence_is_clean_and_has_4_to_40_words(name):
    for text in texts(name):
        assert text == " ".join(text.split()), text
        assert 4 <= len(text.split()) <= 40, text


def test_labels_are_shuffled(name):
    labels = [example.truth for example in read_examples(FOLDER / name, TASK)]
    changes = sum(before != after for before, after in pairwise(labels))
    # A fair shuffle changes label at half of the steps: sorted files at one, alternating files at all.
    assert 0.4 < changes / (len(labels) - 1) < 0.6


def test_the_bytes_are_utf8_with_unix_line_ends_and_minimal_quotes(name):
    content = (FOLDER / name).read_bytes()
    assert b"\r" not in content
    assert not content.startswith(b"\xef\xbb\xbf")
    again = io.StringIO(newline="")
    csv.writer(again, lineterminator="\n").writerows(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))
    assert again.getvalue().encode("utf-8") == content
