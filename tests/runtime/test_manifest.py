"""kerasbert.json, written and read back, and what is said of one that is not whole or was edited."""

import dataclasses
import hashlib
import json

import pytest

from kerasbert.errors import BundleError
from kerasbert.runtime.manifest import NAME, PRECISIONS, VERSION, File, Manifest, Part, rehash
from kerasbert.tasks import task_named
from kerasbert.tasks.task import Graph, Input, Output

LABELS = ["négatif", "positif"]
TOKENIZER = {
    "kind": "wordpiece",
    "do_lower_case": True,
    "strip_accents": None,
    "tokenize_chinese_chars": True,
    "added_tokens": [],
}
GRAPH = Graph(
    "model", (Input("input_ids", pad=1), Input("attention_mask")), (Output("logits", "row", "choice", len(LABELS)),)
)


def file(kind, path, content):
    digest = hashlib.sha256(content).hexdigest()
    part = Part(path=path, graphs=("model",), bytes=len(content), sha256=digest)
    return File(kind=kind, precision="float32", parts=(part,))


MODEL, OTHER, VOCABULARY = b"a model", b"another model", b"[PAD]\n[UNK]\n"
MANIFEST = Manifest(
    task="text-classification",
    settings={
        "labels": LABELS,
        "problem_type": "single_label_classification",
        "pooling": "cls",
        "max_length": 64,
        "pairs": None,
    },
    graphs=[GRAPH],
    lengths=[16, 32, 64],
    tokenizer=TOKENIZER,
    files={"tflite": file("tflite", "model.tflite", MODEL), "onnx": file("onnx", "models/model.onnx", OTHER)},
    checksums={
        "vocab.txt": hashlib.sha256(VOCABULARY).hexdigest(),
        "golden.json": hashlib.sha256(b"[]").hexdigest(),
    },
    versions={"kerasbert": "0.1.0"},
)


@pytest.fixture
def bundle(tmp_path):
    """The manifest with the files that it lists."""
    (tmp_path / "models").mkdir()
    (tmp_path / "model.tflite").write_bytes(MODEL)
    (tmp_path / "models" / "model.onnx").write_bytes(OTHER)
    (tmp_path / "golden.json").write_bytes(b"[]")
    (tmp_path / "vocab.txt").write_bytes(VOCABULARY)
    MANIFEST.write(tmp_path)
    return tmp_path


def edit(bundle, change, *, digest=False):
    """Changes kerasbert.json and, with `digest`, makes its hash right by hand."""
    values = json.loads((bundle / NAME).read_text(encoding="utf-8"))
    change(values)
    if digest:
        rest = {name: value for name, value in values.items() if name != "sha256"}
        text = json.dumps(rest, sort_keys=True, ensure_ascii=False) + "\n" + "\n".join(rest.get("files", ()))
        values["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (bundle / NAME).write_text(json.dumps(values), encoding="utf-8")


def inside(values, place):
    *way, last = [int(step) if step.isdecimal() else step for step in place.split("/")]
    for step in way:
        values = values[step]
    return values, last


def put(place, value):
    """The edit that writes a value to a place, such as `files/onnx/bytes` or `graphs/0/inputs/0/pad`."""

    def change(values):
        holder, last = inside(values, place)
        holder[last] = value

    return change


def drop(place):
    def change(values):
        holder, last = inside(values, place)
        del holder[last]

    return change


def together(*changes):
    def change(values):
        for each in changes:
            each(values)

    return change


def turned(values):
    values["files"] = dict(reversed(values["files"].items()))


# What was written is read.


def test_what_was_written_is_read(bundle):
    assert Manifest.read(bundle) == MANIFEST
    text = (bundle / NAME).read_text(encoding="utf-8")
    assert list(json.loads(text))[:2] == ["version", "sha256"]
    assert json.loads(text)["version"] == VERSION == 6
    assert "négatif" in text
    edit(bundle, lambda values: None, digest=True)  # the hash that is made by hand here is the one that was written
    assert json.loads((bundle / NAME).read_text())["sha256"] == json.loads(text)["sha256"]


def test_settings_and_graphs_are_those_of_the_task(bundle):
    manifest = Manifest.read(bundle)
    assert manifest.definition is task_named("text-classification")
    assert manifest.task_settings == manifest.definition.Settings(labels=LABELS, max_length=64)
    assert manifest.graph("model") == GRAPH


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_is_read(bundle, precision):
    files = {"onnx": dataclasses.replace(MANIFEST.files["onnx"], precision=precision)}
    dataclasses.replace(MANIFEST, files=files).write(bundle)
    assert Manifest.read(bundle).files["onnx"].precision == precision


def test_white_space_and_the_order_of_keys_do_not_matter(bundle):
    values = json.loads((bundle / NAME).read_text(encoding="utf-8"))
    (bundle / NAME).write_text(json.dumps(dict(reversed(values.items()))), encoding="utf-8")
    assert Manifest.read(bundle) == MANIFEST


# What is no description at all.


def test_a_folder_without_it_is_no_bundle(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match=r"file: no kerasbert.json, so no bundle"):
        Manifest.read(tmp_path / "file")
    with pytest.raises(BundleError, match=r"no kerasbert.json, so no bundle; make one with `kerasbert export`"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"3", b"[" * 100_000])
def test_what_is_no_json_object_is_named(tmp_path, content):
    (tmp_path / NAME).write_bytes(content)
    for read in (Manifest.read, rehash):
        with pytest.raises(BundleError, match=r"kerasbert.json: not readable as a bundle's description \(.+\); expor"):
            read(tmp_path)
    assert (tmp_path / NAME).read_bytes() == content


# What was edited. Of a wrong edit, the words that say so once the hash is right; None where the content is in order.

KEYS = [field.name for field in dataclasses.fields(Manifest) if field.name != "version"]
FILE_KEYS = [field.name for field in dataclasses.fields(File)]
PART_KEYS = [field.name for field in dataclasses.fields(Part)]
EDITS = {
    **{f"no {key}": (drop(key), f"no key '{key}'") for key in KEYS},
    **{f"no {key} of a file": (drop(f"files/onnx/{key}"), f"no key 'files.onnx.{key}'") for key in FILE_KEYS},
    **{
        f"no {key} of a part": (drop(f"files/onnx/parts/0/{key}"), f"no key 'files.onnx.parts[0].{key}'")
        for key in PART_KEYS
    },
    **{
        f"no {key} of an input": (drop(f"graphs/0/inputs/0/{key}"), f"no key 'graphs[0].inputs[0].{key}'")
        for key in ("name", "axis", "pad")
    },
    **{
        f"no {key} of an output": (drop(f"graphs/0/outputs/0/{key}"), f"no key 'graphs[0].outputs[0].{key}'")
        for key in ("name", "axis", "bar", "width")
    },
    "an unknown key": (put("colour", "red"), "unknown key 'colour'; expected task, settings,"),
    "an unknown key of a file": (put("files/onnx/colour", 1), "unknown key 'files.onnx.colour'"),
    "an unknown key of a graph": (put("graphs/0/colour", 1), "unknown key 'graphs[0].colour'"),
    "an unknown setting": (put("settings/colour", 1), "unknown key 'settings.colour'; expected labels,"),
    # The task and its settings.
    "another task": (put("task", "sentence-embedding"), "unknown key 'settings.labels'"),
    "an unknown task": (put("task", "text_classifier"), "no task 'text_classifier': use one of text-classification,"),
    "a task that is a number": (put("task", 3), "task is 3, not text"),
    "settings in a list": (put("settings", []), "settings is [], not an object"),
    "no max_length": (drop("settings/max_length"), "no key 'settings.max_length'"),
    "a label added": (put("settings/labels", [*LABELS, "neutre"]), "width=2), but the settings ask for Output("),
    "a label removed": (put("settings/labels", LABELS[:1]), "one label ('négatif') leaves nothing to choose"),
    "no labels": (put("settings/labels", []), "labels is empty"),
    "labels that repeat": (put("settings/labels", ["a", "a"]), "labels repeat: a"),
    "labels in a string": (put("settings/labels", "ab"), "settings.labels is 'ab', not a list"),
    "a label that is a number": (put("settings/labels", ["a", 2]), "settings.labels[1] is 2, not text"),
    "a label renamed": (put("settings/labels/0", "negative"), None),
    "labels in another order": (put("settings/labels", LABELS[::-1]), None),
    "another problem type": (
        put("settings/problem_type", "multi_label_classification"),
        "bar='choice', width=2), but the settings ask",
    ),
    "an unknown problem type": (put("settings/problem_type", "ranking"), "problem_type is 'ranking': use one of"),
    "an unknown pooling": (put("settings/pooling", "max"), "pooling is 'max': use one of cls, mean, additive"),
    "max_length changed": (put("settings/max_length", 65), "lengths end with 64, but max_length is 65"),
    "max_length too small": (put("settings/max_length", 2), "max_length is 2: use 3 or more"),
    "max_length true": (put("settings/max_length", True), "settings.max_length is True, not a whole number"),
    "max_length and lengths": (together(put("settings/max_length", 20), put("lengths", [16, 20])), None),
    # Graphs.
    "no graphs": (put("graphs", []), "graphs are []: each needs a name of its own"),
    "a graph twice": (lambda v: v["graphs"].append(v["graphs"][0]), "graphs are ['model', 'model']: each needs a name"),
    "another graph": (put("graphs/0/name", "encoder"), "the graph is 'encoder': use one of model"),
    "no inputs": (put("graphs/0/inputs", []), "graph 'model' has the inputs or outputs []: each needs a name"),
    "no outputs": (put("graphs/0/outputs", []), "graph 'model' has the inputs or outputs []: each needs a name"),
    "an input twice": (put("graphs/0/inputs/1/name", "input_ids"), "['input_ids', 'input_ids']: each needs a name"),
    "an unknown input": (put("graphs/0/inputs/1/name", "mask"), "the graph 'model' has no input attention_mask"),
    "an input more": (
        lambda v: v["graphs"][0]["inputs"].append({"name": "odd", "axis": "token", "pad": 0, "width": 0}),
        "an input of model is 'odd': use one of input_ids, attention_mask, token_type_ids",
    ),
    "segments more": (
        lambda v: v["graphs"][0]["inputs"].append({"name": "token_type_ids", "axis": "token", "pad": 0, "width": 0}),
        None,
    ),
    "ids left out": (drop("graphs/0/inputs/0"), "the graph 'model' has no input input_ids"),
    "a mask left out": (drop("graphs/0/inputs/1"), "the graph 'model' has no input attention_mask"),
    "an unknown output": (
        put("graphs/0/outputs/0/name", "scores"),
        "an output of model is 'scores': use one of logits",
    ),
    "an unknown axis": (
        put("graphs/0/inputs/0/axis", "word"),
        "the axis of model.input_ids is 'word': use one of row,",
    ),
    "ids with a width": (
        put("graphs/0/inputs/0/width", 3),
        "model.input_ids has the axis 'token' and the width 3",
    ),
    "another axis of an input": (put("graphs/0/inputs/0/axis", "row"), "input_ids has the axis 'row', not 'token'"),
    "another axis of an output": (put("graphs/0/outputs/0/axis", "token"), "axis='token', bar='choice', width=2), but"),
    "texts as an output": (put("graphs/0/outputs/0/axis", "text"), "the axis of model.logits is 'text': use one of"),
    "another bar": (put("graphs/0/outputs/0/bar", "vector"), "bar='vector', width=2), but the settings ask for"),
    "an unknown bar": (put("graphs/0/outputs/0/bar", "logits"), "the bar of model.logits is 'logits': use one of"),
    "another width": (put("graphs/0/outputs/0/width", 3), "width=3), but the settings ask for Output("),
    "no width": (put("graphs/0/outputs/0/width", 0), "model.logits has the width 0: use 1 or more"),
    "a pad of -1": (put("graphs/0/inputs/0/pad", -1), "model.input_ids is padded with -1: use an id, 0 or more"),
    "a pad of text": (put("graphs/0/inputs/0/pad", "1"), "graphs[0].inputs[0].pad is '1', not a whole number"),
    "another pad": (put("graphs/0/inputs/0/pad", 0), None),
    # Lengths.
    "no lengths at all": (put("lengths", []), "lengths are []: use increasing numbers of tokens, 3 or more"),
    "lengths unsorted": (put("lengths", [32, 16, 64]), "lengths are [32, 16, 64]: use increasing numbers"),
    "a length twice": (put("lengths", [16, 16, 64]), "lengths are [16, 16, 64]: use increasing numbers"),
    "a length of 2": (put("lengths", [2, 64]), "lengths are [2, 64]: use increasing numbers"),
    "a length of text": (put("lengths/0", "16"), "lengths[0] is '16', not a whole number"),
    "the longest left out": (put("lengths", [16, 32]), "lengths end with 32, but max_length is 64"),
    "a length left out": (put("lengths", [16, 64]), None),
    # Files.
    "files in a list": (put("files", ["model.onnx"]), "files is ['model.onnx'], not an object"),
    "a file in a list": (put("files/onnx", ["model.onnx"]), "files.onnx is ['model.onnx'], not an object"),
    "an unknown kind": (put("files/onnx/kind", "coreml"), "the kind of models/model.onnx is 'coreml': use one of tfl"),
    **{
        f"the graphs {graphs}": (
            put("files/onnx/parts/0/graphs", graphs),
            f"files.onnx.parts compute {graphs}, but the",
        )
        for graphs in (["encoder"], [], ["model", "model"])
    },
    "a graph in a string": (put("files/onnx/parts/0/graphs", "model"), "graphs is 'model', not a list"),
    "no parts": (put("files/onnx/parts", []), "files.onnx.parts compute [], but the graphs are ['model']"),
    "an unknown precision": (put("files/onnx/precision", "int2"), "the precision of models/model.onnx is 'int2': use "),
    "a path up": (put("files/onnx/parts/0/path", "../model.onnx"), "the path '../model.onnx' leads out of the bundle"),
    "a path up and down": (put("files/onnx/parts/0/path", "a/../../b"), "the path 'a/../../b' leads out of the bundle"),
    "an absolute path": (
        put("files/onnx/parts/0/path", "/model.onnx"),
        "the path '/model.onnx' leads out of the bundle",
    ),
    "a path of Windows": (put("files/onnx/parts/0/path", "..\\b"), "the path '..\\\\b' leads out of the bundle"),
    "an empty path": (put("files/onnx/parts/0/path", ""), "the path '' leads out of the bundle"),
    "no bytes": (put("files/onnx/parts/0/bytes", 0), "models/model.onnx: 0 bytes is no size"),
    "bytes in a string": (
        put("files/onnx/parts/0/bytes", "13"),
        "files.onnx.parts[0].bytes is '13', not a whole number",
    ),
    "a short digest": (put("files/onnx/parts/0/sha256", "ab"), "models/model.onnx: 'ab' is no SHA-256"),
    "a digest in capitals": (
        put("files/onnx/parts/0/sha256", "A" * 64),
        f"models/model.onnx: '{'A' * 64}' is no SHA-256",
    ),
    "a file that cuts": (put("files/onnx/cuts_at", 64), None),
    "a file that cuts elsewhere": (put("files/onnx/cuts_at", 32), "files.onnx.cuts_at is 32, but max_length is 64"),
    "a file left out": (drop("files/onnx"), None),
    "files in another order": (turned, None),
    # The others.
    "a digest of the vocabulary": (put("checksums/vocab.txt", "0x"), "vocab.txt: '0x' is no SHA-256"),
    "a checksum out of the bundle": (
        lambda v: v["checksums"].update({"../vocab.txt": "a" * 64}),
        "the path '../vocab.txt' leads out of the bundle",
    ),
    "a version that is a number": (put("versions/keras", 3), "versions.keras is 3, not text"),
    "a tokenizer in a string": (put("tokenizer", "wordpiece"), "tokenizer is 'wordpiece', not an object"),
    "another tokenizer": (put("tokenizer/do_lower_case", False), None),
    "an unknown tokenizer": (
        put("tokenizer/kind", "unigram"),
        "tokenizer.kind is 'unigram': use one of wordpiece, bytepair",
    ),
    "a tokenizer without casing": (drop("tokenizer/do_lower_case"), "no key 'tokenizer.do_lower_case'"),
    "an added token that is a number": (
        put("tokenizer/added_tokens", [1]),
        "tokenizer.added_tokens[0] is 1, not an object",
    ),
    "an added token without content": (
        put("tokenizer/added_tokens", [{}]),
        "no key 'tokenizer.added_tokens[0].content'",
    ),
    "a mask that is padded with 1": (put("graphs/0/inputs/1/pad", 1), "attention_mask is padded with 1, not 0"),
    "no checksum of the vocabulary": (drop("checksums/vocab.txt"), "checksums have no vocab.txt"),
    "no checksum of the answers": (drop("checksums/golden.json"), "checksums have no golden.json"),
    "a setting left out": (drop("settings/problem_type"), "no key 'settings.problem_type'"),
}


def refused(bundle, read=Manifest.read) -> str:
    """The only line that is said, without the path and the advice."""
    before = (bundle / NAME).read_bytes()
    with pytest.raises(BundleError) as caught:
        read(bundle)
    line = str(caught.value)
    assert line.startswith(f"{bundle / NAME}: ")
    assert "\n" not in line
    assert (bundle / NAME).read_bytes() == before
    return line.removeprefix(f"{bundle / NAME}: ")


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_found_by_the_hash_and_a_wrong_one_by_the_content(bundle, name):
    change, message = EDITS[name]
    edit(bundle, change)
    assert refused(bundle) == "was edited; `kerasbert inspect --rehash` accepts a wanted edit"
    if message is None:
        rehash(bundle)
        Manifest.read(bundle)
        return
    by_rehash = refused(bundle, rehash)
    edit(bundle, lambda values: None, digest=True)
    for said in (by_rehash, refused(bundle)):
        assert said.startswith("not readable as a bundle's description (")
        assert said.endswith("); export again")
        assert message in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("version"), "no key 'version'; export again"),
        (drop("sha256"), "no key 'sha256'; export again"),
        (put("version", 3), "of version 3, but this kerasbert reads 6; export again"),
        (put("version", 7), "of version 7, but this kerasbert reads 6; update kerasbert"),
        (together(put("version", 7), put("something", "new")), "of version 7, but this kerasbert reads 6; update kera"),
        (together(put("version", 3), drop("sha256")), "of version 3, but this kerasbert reads 6; export again"),
        (put("version", "6"), "of version '6', but this kerasbert reads 6; export again"),
        (put("version", True), "of version True, but this kerasbert reads 6; export again"),
        (put("version", 3.0), "of version 3.0, but this kerasbert reads 6; export again"),
        (put("version", None), "of version None, but this kerasbert reads 6; export again"),
    ],
)
def test_another_version_is_named_before_all_else_and_is_not_rehashed(bundle, change, message):
    edit(bundle, change)
    for read in (Manifest.read, rehash):
        assert refused(bundle, read).startswith(message)


@pytest.mark.parametrize("digest", ["", "a" * 64, None, 3])
def test_another_hash_of_the_same_content_is_found(bundle, digest):
    edit(bundle, put("sha256", digest))
    assert refused(bundle).startswith("was edited;")
    rehash(bundle)
    assert Manifest.read(bundle) == MANIFEST


def test_a_wanted_edit_is_accepted_and_holds(bundle):
    edit(bundle, put("settings/labels", ["bad", "good"]))
    rehash(bundle)
    manifest = Manifest.read(bundle)
    assert manifest.task_settings.labels == ("bad", "good")
    assert manifest == dataclasses.replace(MANIFEST, settings={**MANIFEST.settings, "labels": ["bad", "good"]})
    edit(bundle, turned)
    rehash(bundle)
    assert list(Manifest.read(bundle).files) == ["onnx", "tflite"]  # the first one is the one that is taken
    before = (bundle / NAME).read_bytes()
    rehash(bundle)
    assert (bundle / NAME).read_bytes() == before
