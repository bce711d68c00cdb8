"""report.html: one file that needs nothing else, says nothing that HTML could misread, and whose programs run."""

import dataclasses
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from kerasbert.errors import BundleError
from kerasbert.export import web
from kerasbert.export.benchmark.measure import Measured
from kerasbert.export.gate.bars import decide_answers
from kerasbert.export.gate.verify import Row
from kerasbert.export.report.chart import Mark, draw, shares, sizes, times
from kerasbert.export.report.page import NAME, about_greedy, page, read_rows, write_report
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks.seq2seq import Settings

FETCHING = {"src", "href", "srcset", "data", "poster", "xlink:href"}


class Page(HTMLParser):
    """What a page holds: tags that were opened, text, code by language; refuses tags that do not nest."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.tags, self.attributes, self.text, self.code = [], [], [], "", {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "meta":  # it has no end
            self.open.append((tag, dict(attrs)))

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        tag, attributes = self.open[-1] if self.open else ("", {})
        if tag != "style":
            self.text += data
        if tag == "code" and "class" in attributes:
            self.code.setdefault(attributes["class"].removeprefix("language-"), []).append(data)


def rows_of(manifest: Manifest, **changes) -> list[Row]:
    """One row per file, as `verify` would give it."""
    row = {"max_difference": 1e-7, "agreement": 1.0, "figure": None} | changes
    return [
        Row(format=name, path=file.path, megabytes=file.bytes / 1e6, milliseconds=1.5 + at, **row)
        for at, (name, file) in enumerate(manifest.files.items())
    ]


@pytest.fixture(scope="module")
def manifest(tiny_bundle):
    return Manifest.read(tiny_bundle)


@pytest.fixture(scope="module")
def text(tiny_bundle, manifest):
    return page(tiny_bundle, manifest, rows_of(manifest))


def test_it_is_html_that_fetches_nothing_and_runs_nothing(text):
    parsed = Page(text)
    assert not {"script", "link", "img", "iframe", "object"} & set(parsed.tags)
    assert not [name for name, _ in parsed.attributes if name in FETCHING or name.startswith("on")]
    assert "url(" not in text
    assert "@import" not in text


def test_its_style_is_that_of_the_page_for_browsers(text):
    style = (Path(web.__file__).parent / "page" / "style.css").read_text(encoding="utf-8")
    assert f"<style>\n{style}</style>" in text


def test_it_and_the_page_that_runs_the_files_link_to_each_other(tiny_bundle, manifest, text, tmp_path):
    assert not [value for name, value in Page(text).attributes if name == "href"]
    bundle = shutil.copytree(tiny_bundle, tmp_path / "bundle")
    (bundle / web.NAME).mkdir()
    links = Page(page(bundle, manifest, rows_of(manifest))).attributes
    assert [value for name, value in links if name == "href"] == [f"{web.NAME}/"]
    there = (Path(web.__file__).parent / "page" / "index.html").read_text(encoding="utf-8")
    assert f'href="../{NAME}"' in there


def test_every_file_has_a_line_and_a_dot(text, manifest):
    parsed = Page(text)
    assert [value.split()[0] for name, value in parsed.attributes if name == "class"].count("mark") == 2 * len(
        rows_of(manifest)
    )
    for name, file in manifest.files.items():
        assert name in parsed.text
        assert file.path in parsed.text
        assert file.parts[0].sha256 in parsed.text


def test_the_cosine_of_every_golden_text_is_there(tiny_bundle, manifest, text):
    assert "Cosine with Keras" not in text
    rows = rows_of(manifest)
    rows[0].cosines, rows[1].cosines = {"a <b>": 0.98765, "": 0.5}, {"a <b>": 1.0}
    shown = page(tiny_bundle, manifest, rows)
    parsed = Page(shown)
    assert "Cosine with Keras's vector, text by text" in parsed.text
    line = shown[shown.index("a &lt;b&gt;") :].partition("</tr>")[0]
    assert line.index("0.9877") < line.index("1.0000")
    assert "no text" in parsed.text


def test_the_cards_facts_are_there(text, manifest):
    shown = Page(text).text
    for fact in (
        "single_label_classification",
        "negative, positive",
        "max length",
        "16, 32",
        "attention_mask",
        "logits",
    ):
        assert fact in shown
    assert f"tensorflow {manifest.versions['tensorflow']}" in shown
    assert manifest.checksums["vocab.txt"] in shown


def test_accuracy_is_shown_where_it_was_measured(tiny_bundle, manifest, text):
    assert "accuracy" not in Page(text).text
    assert "87.5%" in Page(page(tiny_bundle, manifest, rows_of(manifest, figure=0.875))).text


def test_labels_of_any_letters_stay_text(tiny_bundle, manifest):
    labels = ['<script>alert("1")</script>', "A&amp;B $sentence \\"]
    settings = {**manifest.settings, "labels": labels}
    text = page(tiny_bundle, dataclasses.replace(manifest, settings=settings), rows_of(manifest))
    parsed = Page(text)
    assert "script" not in parsed.tags
    assert f"Labels: {labels[0]}, {labels[1]}" in parsed.text
    (litert,) = (code for code in parsed.code["python"] if "Interpreter" in code)
    listed = re.search(r"^labels = (.*)$", litert, re.MULTILINE).group(1)
    assert eval(listed, {}) == labels
    assert all("\\$sentence" in code for code in parsed.code["kotlin"])  # Kotlin would put a variable in


def test_texts_that_mediapipe_reads_otherwise_are_named(tiny_bundle, manifest):
    rows = rows_of(manifest)
    rows[0].read_differently = ["Caf\u00e9 <b>"]
    shown = Page(page(tiny_bundle, manifest, rows)).text
    assert "MediaPipe's tokenizer reads 1 text of golden.json differently from BERT's: Caf\u00e9 <b>" in shown


def places(chart: str) -> list[list[float]]:
    """Where the time, the quality and the size of each file are drawn, in percent of their panels, from above."""
    found = [float(place) for place in re.findall(r'<i class="\w+ \w+" style="\w+:([\d.]+)%"', chart)]
    return [found[start : start + 3] for start in range(0, len(found), 3)]


def test_the_fastest_stands_first_and_larger_figures_stand_further_right():
    marks = [Mark("a", "tflite", 50.0, 100.0, 0.8), Mark("b", "onnx", 1.5, 25.0, 0.9)]
    chart = draw(marks, quality="accuracy")
    first, second = places(chart)
    assert re.findall(r'class="name">(\w)<', chart) == ["b", "a"]
    assert first[0] < second[0]
    assert first[1] > second[1]
    assert second[2] == pytest.approx(4 * first[2], abs=0.2)  # bars begin at 0


@pytest.mark.parametrize(
    "marks",
    [
        [Mark("alone", "tflite", 0.0, 0.001, 1.0)],
        [Mark(f"same {n}", "onnx", 2.0, 5.0, 0.5) for n in range(17)],
        [Mark("<&>", "saved", 1e5, 1e4, 0.0), Mark("b", "other", 1e-4, 1e-4, 1.0)],
    ],
)
def test_every_file_has_a_row_whatever_the_figures(marks):
    chart = draw(marks, quality="<quality>")
    assert Page(chart).tags.count("figure") == 1
    assert len(places(chart)) == chart.count('class="name"') == len(marks)
    assert all(0 <= place <= 100 for row in places(chart) for place in row)
    assert "&lt;quality&gt;" in chart


@pytest.mark.parametrize(
    ("axis", "values", "said"),
    [
        (shares, [1.0, 1.0], ["96%", "98%", "100%"]),  # all agree
        (shares, [0.0], ["0%", "2%", "4%"]),
        (shares, [0.744, 0.75], ["72%", "74%", "76%"]),
        (shares, [0.7, 0.95], ["60%", "80%", "100%"]),
        (shares, [-0.3, 0.5], ["-50%", "0%", "50%"]),
        (times, [2.0, 2.0], ["1", "2", "5"]),
        (times, [14.7, 56.0], ["10", "20", "50", "100"]),
        (times, [0.7, 80.0], ["0.1", "1", "10", "100"]),
        (sizes, [46.4], ["0", "20", "40", "60"]),
        (sizes, [0.33], ["0", "0.2", "0.4"]),
    ],
)
def test_an_axis_has_a_few_round_numbers_around_the_values(axis, values, said):
    found = axis(values)
    assert [found.say(tick) for tick in found.ticks] == said
    assert found.ticks[0] <= min(values)
    assert found.ticks[-1] >= max(values)


def test_what_was_measured_is_shown(tiny_bundle, manifest):
    figures = {"megabytes": 1.0, "ms_p95": 2.5, "text_ms": 3.0, "text_ms_p95": 4.0, "load_s": 0.5, "memory_mb": 60.0}
    measured = [
        Measured(
            name=name, path=path, precision="float32", threads=1, sequence_length=16, ms=1.25, cores=1.0, **figures
        )
        for name, path in (("keras", "folder/<model>"), ("tflite", "model.tflite"))
    ]
    shown = Page(page(tiny_bundle, manifest, rows_of(manifest), measured)).text
    assert "16 tokens" in shown
    assert "1.2 / 2.5" in shown
    assert "60 MB" in shown


def test_it_is_written_whole_and_read_back(tiny_bundle, manifest, tmp_path):
    bundle = shutil.copytree(tiny_bundle, tmp_path / "bundle")
    rows = read_rows(bundle, manifest)
    assert [row.format for row in rows] == list(manifest.files)
    write_report(bundle, manifest, rows)
    assert Page((bundle / NAME).read_text(encoding="utf-8")).tags[:2] == ["html", "head"]


@pytest.mark.parametrize("content", ["", "[", "[]", '[{"format": "tflite"}]', "3"])
def test_a_report_that_is_not_whole_is_named(tmp_path, manifest, content):
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(BundleError, match=r"report.json: not readable as the gate's report \(.*\); export again"):
        read_rows(tmp_path, manifest)


def test_the_figure_that_decided_is_shown_with_its_bound(tiny_bundle):
    manifest = Manifest.read(tiny_bundle)
    rows = rows_of(manifest, decision=decide_answers([True] * 20 + [False], "int4", what="labels of tokens"))
    shown = Page(page(tiny_bundle, manifest, rows)).text
    assert shown.count("95.24% of labels of tokens agree or are unclear, 93% wanted") == len(rows)


def test_rules_that_the_programs_leave_out_are_named():
    settings = Settings(max_length=8, decoder_start_token_id=2, eos_token_id=3)
    answer = {"generated_text": "a < b", "score": -0.12345, "finished": True}
    plain = about_greedy(answer, settings)
    assert Page(plain).text.endswith('Keras then says: {"generated_text": "a < b", "score": -0.123, "finished": true}.')
    ruled = about_greedy(answer, dataclasses.replace(settings, no_repeat_ngram_size=3))
    said = "Only those for kerasbert.runtime and TensorFlow obey no_repeat_ngram_size 3, so the others may write"
    assert said in Page(ruled).text
