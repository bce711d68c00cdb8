"""The programs of the report: sources that their languages read, filled in for a bundle, and run where they can be."""

import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest
from conftest import BAD, GOOD, OTHER, small_vocabulary
from pretended import pretend

from kerasbert import SentenceEncoder, TextClassifier
from kerasbert.export import export_bundle
from kerasbert.export.report import engines
from kerasbert.export.report.engines import ANY, ENGINES, EXTENSIONS, PARTS, part, program
from kerasbert.export.report.page import NAME
from kerasbert.export.report.snippets import MARK, files_to_show, fill, shown_example, snippets
from kerasbert.runtime import load
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks import NAMES, task_named
from kerasbert.tasks.text_classification import NUMBER, PROBLEM_TYPES
from kerasbert.tokenizers import WordPieceTokenizer

SOURCES = Path(str(resources.files(engines.__package__))) / "programs"
SETTINGS = {
    "text-classification": [
        {"labels": ("a",) if p == NUMBER else ("a", "b"), "problem_type": p} for p in PROBLEM_TYPES
    ],
    "token-classification": [{"labels": ("O", "B-A", "I-A")}],
    "seq2seq": [{"decoder_start_token_id": 2, "eos_token_id": 3}],
}
"""Settings for every kind of numbers that a task gives, where a task needs more than a length."""


def bars_of(name: str) -> list[str]:
    """The kinds of numbers that a task's first output has."""
    task = task_named(name)
    made = [task.Settings(max_length=16, **each) for each in SETTINGS.get(name, [{}])]
    return [task.graphs(settings)[0].outputs[0].bar for settings in made]


TASKS = [(name, bar) for name in NAMES for bar in bars_of(name)]


def sources(extension: str) -> list[Path]:
    return sorted(SOURCES.rglob(f"*.{extension}"))


@pytest.mark.parametrize("path", sources("py"), ids=lambda path: str(path.relative_to(SOURCES)))
def test_python_reads_its_sources_before_they_are_filled_in(path):
    compile(path.read_text(encoding="utf-8"), str(path), "exec")


def test_node_reads_its_sources_before_they_are_filled_in(tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js")
    for number, path in enumerate(sources("js")):
        module = shutil.copy(path, tmp_path / f"{number}.mjs")
        done = subprocess.run([node, "--check", module], capture_output=True, text=True)
        assert done.returncode == 0, f"{path}: {done.stderr}"


def test_every_source_is_of_a_language_and_its_lines_fit_the_page():
    known = {
        path for language, extension in EXTENSIONS.items() for path in (SOURCES / language).rglob(f"*.{extension}")
    }
    assert {path for path in SOURCES.rglob("*") if path.is_file() and "__pycache__" not in path.parts} == known
    for path in known:
        assert all(len(line) <= 96 for line in path.read_text(encoding="utf-8").splitlines()), path


@pytest.mark.parametrize(("task", "bar"), TASKS)
def test_every_task_has_its_ends_in_every_language(task, bar):
    for engine in ENGINES:
        assert "__END__" not in (program(engine, task) or "") or part(engine.language, "END", task, bar)
        library = {"": None, "BertQuestionAnswerer": "task_library"}.get(task_named(task).contract, "mediapipe")
        assert bool(program(engine, task)) == (engine.kind != "mediapipe" or engine.name == library)


def test_every_source_is_used():
    """The programs, the ends and the labels of all tasks together are all the files that there are."""
    used = {program(engine, task) for engine in ENGINES for task in NAMES}
    used |= {part(language, mark, *each) for language in EXTENSIONS for mark in PARTS for each in TASKS}
    written = [path.read_text(encoding="utf-8") for language in EXTENSIONS for path in sources(EXTENSIONS[language])]
    assert set(written) <= used


@pytest.mark.parametrize("language", ["kotlin", "javascript"])
def test_the_loop_that_writes_a_text_takes_at_most_forty_lines(language):
    (path,) = (SOURCES / language).glob("*_seq2seq.*")
    lines = path.read_text(encoding="utf-8").splitlines()
    begin = next(place for place, line in enumerate(lines) if line.startswith(("fun ", "async function ")))
    assert "cache" in "".join(lines[begin:])
    assert len(lines) - begin <= 40


def test_marks_are_filled_in_once_and_a_program_without_a_value_is_left_out():
    assert fill("print(__TEXT__, __LABELS__)", {"TEXT": '"__LABELS__"', "LABELS": ""}) == 'print("__LABELS__", )'
    assert fill("print(__TEXT__)", {"LABELS": ""}) is None
    assert fill(None, {}) is None
    assert MARK.findall("__init__ __A__ __A_B__ __a__") == ["A", "A_B"]


def test_eight_bits_are_shown_first(tiny_bundle):
    shown = files_to_show(Manifest.read(tiny_bundle))
    paths = [shown[kind].path for kind in ("tflite", ANY, "saved_model")]
    assert paths == ["model_int8.tflite", "model_int8.tflite", "saved_model"]


def programs_of(bundle: Path, language: str = "python") -> list[str]:
    return [each.code for each in snippets(bundle, Manifest.read(bundle)) if each.language == language]


def test_the_report_shows_them_and_nothing_is_left_to_fill_in(tiny_bundle):
    text = (tiny_bundle / NAME).read_text(encoding="utf-8")
    assert text.count("<pre ") == len(snippets(tiny_bundle, Manifest.read(tiny_bundle))) == 7
    assert not MARK.search(text)
    length = Manifest.read(tiny_bundle).task_settings.max_length
    assert f"Of a text with more than {length} tokens, the programs answer the beginning" in text


def test_pythons_programs_run_and_answer_as_the_runtime(tiny_bundle, capsys, monkeypatch):
    monkeypatch.chdir(tiny_bundle)
    expected = load(tiny_bundle)("a lovely film")
    programs = programs_of(tiny_bundle)
    assert len(programs) == 4
    for code in programs:
        exec(compile(code, "report.html", "exec"), {})
        assert expected["label"] in capsys.readouterr().out


@pytest.mark.parametrize("name", ["several labels", "a number"])
def test_programs_for_other_problems_run_too(exported, name, capsys, monkeypatch):
    bundle = exported(name).bundle
    monkeypatch.chdir(bundle)
    answer = load(bundle)("a lovely film")
    assert not [code for code in programs_of(bundle) if "tensorflow" in code]  # byte pairs have no signature for texts
    for code in programs_of(bundle):
        exec(compile(code, "report.html", "exec"), {})
        said = eval(capsys.readouterr().out, {})
        if said == answer:  # our runtime's program
            continue
        if name == "several labels":
            assert said == [each["label"] for each in answer]
        else:
            assert said == pytest.approx(answer["score"], abs=0.05)


@pytest.fixture(scope="module")
def for_phones(tiny_bert, tiny_classifier, tmp_path_factory):
    """Task -> a bundle with a file for MediaPipe."""
    bundles = tmp_path_factory.mktemp("phones")
    models = {
        "text-classification": TextClassifier.from_pretrained(tiny_classifier),
        "sentence-embedding": SentenceEncoder.from_pretrained(tiny_bert, max_length=16),
    }
    for task, model in models.items():
        export_bundle(model, bundles / task, formats=("tflite", "mediapipe"), quantize="none")
    return {task: bundles / task for task in models}


@pytest.mark.parametrize("task", ["text-classification", "sentence-embedding"])
def test_programs_of_files_for_mediapipe_run_too(for_phones, task, capsys, monkeypatch):
    pytest.importorskip("mediapipe", reason="needs pip install mediapipe")
    bundle = for_phones[task]
    monkeypatch.chdir(bundle)
    programs = programs_of(bundle)
    assert len(programs) == 3
    for code in programs[1:]:
        exec(compile(code, "report.html", "exec"), {})
        said = capsys.readouterr().out
        if task == "text-classification":
            assert load(bundle)("a lovely film")["label"] in said
        else:
            assert float(said) == pytest.approx(1, abs=1e-5)  # the vector's length
    for language in ("kotlin", "swift", "javascript"):
        first = programs_of(bundle, language)[0]
        assert '"mediapipe' in first
        assert task_named(task).contract in first


READ = {
    "question-answering": lambda shown, said: (
        [each["answer"] for each in shown.answer] == [x.split(" ", 3)[3] for x in said]
    ),
    "fill-mask": lambda shown, said: [each["token_str"] for each in shown.answer] == [x.split(" ")[1] for x in said],
    "next-sentence": lambda shown, said: said == [shown.answer["label"]],
    "multiple-choice": lambda shown, said: said[0].startswith(f"{shown.answer['choice']} {shown.answer['text']} "),
    "extractive-summarization": lambda shown, said: (
        [each["text"] for each in shown.answer["sentences"]] == [line.split(" ", 1)[1] for line in said]
    ),
    "seq2seq": lambda shown, said: said == [shown.greedy["generated_text"]],
}
"""Task that reads -> whether the lines that a program prints hold the answer to a golden example."""


@pytest.mark.slow
@pytest.mark.parametrize("task", READ)
def test_programs_of_tasks_that_read_print_the_golden_answer(reader, task, capsys, monkeypatch):
    bundle = reader(task)
    monkeypatch.chdir(bundle)
    manifest = Manifest.read(bundle)
    shown = shown_example(bundle, manifest)
    programs = {each.title: each.code for each in snippets(bundle, manifest) if each.language == "python"}
    assert list(programs) == ["kerasbert.runtime", "LiteRT", "ONNX Runtime", "TensorFlow"]
    for title, code in programs.items():
        exec(compile(code, "report.html", "exec"), {})
        said = capsys.readouterr().out
        if title == "kerasbert.runtime":
            assert task_named(task).same(eval(said, {}), shown.answer, manifest.task_settings)
        else:
            assert READ[task](shown, said.splitlines()), (title, said)


@pytest.mark.slow
@pytest.mark.parametrize("title", ["LiteRT", "ONNX Runtime", "TensorFlow"])
def test_programs_of_extracts_read_a_text_of_several_rows(reader, title, capsys, monkeypatch):
    bundle = reader("extractive-summarization")
    monkeypatch.chdir(bundle)
    manifest = Manifest.read(bundle)
    (code,) = [s.code for s in snippets(bundle, manifest) if (s.language, s.title) == ("python", title)]
    adjectives = (*GOOD, *BAD)
    sentences = [f"the {OTHER[30 + number]} was {adjectives[number % 20]} at {number}." for number in range(30)]
    sentences[3] = " "
    code, count = re.subn(r"(?m)^sentences = \[.*\]", lambda found: f"sentences = {sentences!r}", code)
    assert count == 1
    (answer,) = load(bundle, file="onnx").predict_text([sentences])
    wanted = answer["sentences"]
    assert max(each["sentence"] for each in wanted) > 6  # beyond the first row
    if title == "TensorFlow":
        with pytest.raises(SystemExit, match="it reads one row of 48 tokens: give fewer sentences"):
            exec(compile(code, "report.html", "exec"), {})
        return
    exec(compile(code, "report.html", "exec"), {})
    said = [line.split(" ", 1) for line in capsys.readouterr().out.splitlines()]
    assert [text for _, text in said] == [each["text"] for each in wanted]
    assert [float(score) for score, _ in said] == pytest.approx([each["score"] for each in wanted], abs=1e-3)


@pytest.mark.parametrize(("task", "library"), [("question-answering", True), ("multiple-choice", False)])
def test_the_task_library_answers_questions(task, library, tmp_path):
    bundle = pretend(tmp_path, task, WordPieceTokenizer(small_vocabulary()), max_length=48)
    example = shown_example(bundle, Manifest.read(bundle)).example
    for language in ("kotlin", "swift"):
        first, second = (programs_of(bundle, language) * 2)[:2]
        assert ("BertQuestionAnswerer" in first) == library
        for text in example.values() if library else ():
            assert text in first
            assert text in second
    for language in ("python", "javascript"):
        assert not [code for code in programs_of(bundle, language) if "mediapipe" in code]


def test_programs_on_phones_hold_the_recorded_ids(tiny_bundle):
    recorded = load(tiny_bundle).tokenizer(["a lovely film"])["input_ids"][0].tolist()
    for snippet in snippets(tiny_bundle, Manifest.read(tiny_bundle)):
        if (snippet.language, snippet.title) in (("kotlin", "LiteRT"), ("swift", "LiteRT")):
            assert ", ".join(map(str, recorded)) in snippet.code
            assert '"tokens_16"' in snippet.code
