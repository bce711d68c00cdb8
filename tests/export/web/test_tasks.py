"""What the page makes of outputs, in Node.js: the library's answers, for every task."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from kerasbert.export.web import __file__ as web
from kerasbert.export.web.characters import describe_characters
from kerasbert.runtime.manifest import VERSION
from kerasbert.tasks import NAMES, task_named
from kerasbert.tasks.task import Example
from kerasbert.tasks.text_classification import PROBLEM_TYPES, SEVERAL, SINGLE, Settings, decode
from kerasbert.tokenizers import WordPieceTokenizer


def test_every_task_has_its_file():
    found = {path.stem for path in (Path(web).parent / "page" / "tasks").glob("*.js")}
    assert found == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_has_a_box_for_every_field_of_a_task(name, in_node):
    found = in_node(f'import {{ fields }} from "./tasks/{name}.js"; const found = fields;', None)
    wanted = [(each.name, not each.required) for each in task_named(name).fields]
    assert [(each["name"], each.get("optional", False)) for each in found] == wanted
    assert all(each["title"] for each in found)


@pytest.mark.parametrize("name", NAMES)
def test_texts_are_asked_together_unless_each_is_a_run(name, in_node):
    asked = in_node(f'import {{ asks }} from "./tasks/{name}.js"; const found = [asks(["a"]), asks(["a", "b"])];', None)
    assert asked == [[["a"]], [["a"], ["b"]] if name == "sentence-embedding" else [["a", "b"]]]


@pytest.mark.parametrize(
    ("axes", "names"), [(["row"], "abc"), (["row", "row"], "abc"), (["position"], "ab"), (["row", "token"], "ab")]
)
def test_a_browsers_mediapipe_has_tasks_with_one_answer_per_text(axes, names, in_node):
    kinds = dict(zip("abcd", ("onnx", "tflite", "mediapipe", "trainable"), strict=True))
    asked = {"files": {name: {"kind": kind} for name, kind in kinds.items()}}
    asked["graphs"] = [{"outputs": [{"axis": axis} for axis in axes]}]
    script = 'import { runnable } from "./engines.js"; const found = runnable(asked).map(([name]) => name);'
    assert in_node(script, asked) == list(names)


REFUSED = """
    import { checkDigest, checkVersion } from "./bundle.js";
    const refusal = (wanted) => wanted.then(() => "", (error) => error.message);
    const version = (version) => refusal(Promise.resolve({ version }).then(checkVersion));
    const digest = (wanted) => refusal(checkDigest("model.onnx", new TextEncoder().encode(asked.content), wanted));
    const found = await Promise.all([...asked.versions.map(version), ...asked.digests.map(digest)]);
"""


def test_the_page_refuses_other_versions_and_other_bytes(in_node):
    right = hashlib.sha256(b"a model").hexdigest()
    asked = {"versions": [VERSION, 5, 7], "content": "a model", "digests": [right, 64 * "0"]}
    said = "kerasbert.json is of version {}, but this page reads 6: {}"
    assert in_node(REFUSED, asked) == [
        "",
        said.format(5, "export the bundle again"),
        said.format(7, "add the page again with a newer kerasbert"),
        "",
        "model.onnx: its bytes are not the ones that were written; export or copy it again",
    ]


CLASSIFY = """
    import * as task from "./tasks/text-classification.js";
    const { settings, logits, answers } = asked;
"""


@pytest.fixture(params=PROBLEM_TYPES)
def classified(request):
    """A problem type with outputs and the library's answers."""
    labels = ["one", "two", "three"] if request.param in (SINGLE, SEVERAL) else ["one"]
    settings = Settings(labels=labels, problem_type=request.param, max_length=8)
    logits = np.random.default_rng(3).normal(0, 4, (20, len(labels))).astype("float32")
    answers = [decode(Example({"text": ""}), [], {"logits": [row]}, settings) for row in logits]
    plain = {"labels": labels, "problem_type": request.param}
    return {"settings": plain, "logits": logits.tolist(), "answers": answers}


def test_the_page_decodes_as_the_library(classified, in_node):
    found = in_node(
        CLASSIFY + "const found = logits.map((row) => task.decode([{ outputs: [{ logits: row }] }], settings));",
        classified,
    )
    for row, answer in zip(found, classified["answers"], strict=True):
        scores = {name: value for name, value, _, _ in row["scores"]}
        if isinstance(answer, list):
            assert row["label"] == ", ".join(each["label"] for each in answer)
            assert {label for label, score in scores.items() if score > 0.5} == {each["label"] for each in answer}
        else:
            assert row["label"] == answer["label"] or float(row["label"]) == pytest.approx(answer["score"], rel=1e-3)
            answer = [answer]
        for each in answer:
            assert scores[each["label"]] == pytest.approx(each["score"])


def test_an_answer_is_compared_with_the_recorded_one(classified, in_node):
    script = (
        CLASSIFY
        + """
        const compare = (row, other) => task.compare(
          { outputs: [{ logits: Float32Array.from(row) }] },
          { rows: [{ outputs: { logits: logits[other] } }], answer: answers[other] },
          settings,
        );
        const found = logits.map((row, place) => [compare(row, place), compare(row, (place + 7) % logits.length)]);
    """
    )
    found = in_node(script, classified)
    answers = classified["answers"]
    for place, (alone, crossed) in enumerate(found):
        assert (alone["same"], alone["difference"] < 1e-6) == (True, True)
        other = answers[(place + 7) % len(answers)]
        assert crossed["same"] == task_named("text-classification").same(
            answers[place], other, Settings(**classified["settings"], max_length=8)
        )
        assert crossed["difference"] > 1e-6


def test_windows_of_a_classifier_and_their_mean_are_the_librarys(in_node):
    task, tokenizer = (
        task_named("text-classification"),
        WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abc"]),
    )
    settings = Settings(labels=["one", "two"], max_length=17)
    texts = [" ".join("abc"[place % 3] for place in range(size)) for size in (0, 3, 10, 11, 15, 16, 40)]
    examples = [*task.examples(texts), *task.examples(texts * 7, [text for text in texts for _ in texts])]
    made = [task.rows(tokenizer, example, settings) for example in examples]
    assert {len(rows) > 1 for rows in made} == {True, False}
    random = np.random.default_rng(3)
    logits = [random.normal(0, 4, (len(rows), 2)).astype("float32") for rows in made]
    given = zip(examples, made, logits, strict=True)
    answers = [decode(each, rows, {"logits": outputs}, settings) for each, rows, outputs in given]
    asked = {
        "vocabulary": "\n".join(tokenizer.pieces),
        "characters": describe_characters(tokenizer.options()),
        "texts": [list(each.fields.values()) for each in examples],
        "logits": [each.tolist() for each in logits],
        "settings": {"labels": ["one", "two"], "problem_type": SINGLE, "max_length": 17},
    }
    script = """
        import * as task from "./tasks/text-classification.js";
        import { WordPiece } from "./wordpiece.js";
        const tokenizer = new WordPiece(asked.vocabulary, asked.characters, []);
        const found = asked.texts.map((texts, place) => {
          const rows = task.rows(tokenizer, texts, asked.settings);
          const outputs = asked.logits[place].map((logits) => ({ logits }));
          const answer = task.decode([{ rows, outputs }], asked.settings);
          return [rows.map(({ input_ids, token_type_ids }) => [input_ids, token_type_ids]), answer.scores[0]];
        });
    """
    for (rows, (label, score, *_)), wanted, answer in zip(in_node(script, asked), made, answers, strict=True):
        assert rows == [[row.inputs["input_ids"], row.inputs["token_type_ids"]] for row in wanted]
        assert {"label": label, "score": pytest.approx(score)} == answer


def test_two_texts_have_the_cosine_of_their_embeddings(in_node):
    script = """
        import * as task from "./tasks/sentence-embedding.js";
        const found = task.decode(asked.map((embedding) => ({ outputs: [{ embedding }] })), {}).scores;
    """
    assert in_node(script, [[0.6, 0.8], [1, 0]]) == [["likeness", 0.6, 0, 1]]


def test_a_vector_of_another_direction_is_another_answer(in_node):
    script = """
        import * as task from "./tasks/sentence-embedding.js";
        const [here, there] = asked;
        const golden = { rows: [{ outputs: { embedding: there } }], answer: { embedding: there } };
        const found = task.compare({ outputs: [{ embedding: Float32Array.from(here) }] }, golden);
    """
    assert in_node(script, [[0.6, 0.8], [0.6, 0.8]])["same"]
    found = in_node(script, [[0.6, 0.8], [1, 0]])
    assert (found["same"], round(found["difference"], 6)) == (False, 0.8)


@pytest.mark.parametrize("changed", [None, "sequence_output", "pooled_output"])
def test_vectors_are_compared_at_the_recorded_places(in_node, changed):
    """Of four tokens and the text; what stands at the others makes no difference."""
    random = np.random.default_rng(5)
    outputs = {"sequence_output": random.normal(size=(4, 3)), "pooled_output": random.normal(size=3)}
    places = [0, 2]
    kept = {**outputs, "sequence_output": outputs["sequence_output"][places]}
    recorded = {"places": places, "outputs": {name: values.tolist() for name, values in kept.items()}}
    if changed:
        outputs[changed][2] *= -1
    outputs["sequence_output"][3] = 1e6
    script = """
        import * as task from "./tasks/feature-extraction.js";
        const outputs = Object.fromEntries(Object.entries(asked.outputs).map(([k, v]) => [k, Float32Array.from(v)]));
        const found = task.compare({ outputs: [outputs] }, { rows: [asked.recorded] });
    """
    found = in_node(script, {"outputs": {k: v.ravel().tolist() for k, v in outputs.items()}, "recorded": recorded})
    assert found["same"] == (changed is None)
    assert (found["difference"] < 1e-6) == (changed is None)
