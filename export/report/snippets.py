"""The programs that run a bundle's files, with the bundle's own names, labels, lengths and ids in them.

They answer an example of golden.json, so that what they must print is known.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kerasbert.export.formats.texts import why_not
from kerasbert.export.gate import golden
from kerasbert.export.report.engines import ANY, ENGINES, PARTS, part, program
from kerasbert.runtime.kinds import KINDS
from kerasbert.runtime.manifest import File, Manifest
from kerasbert.tasks.encoding import prompt_of
from kerasbert.tasks.fill_mask import MASK
from kerasbert.tasks.sources import Source
from kerasbert.tokenizers import from_options

MARK = re.compile(r"__([A-Z]+(?:_[A-Z]+)*)__")
"""A word in a source that is filled in."""


@dataclass(frozen=True, kw_only=True)
class Snippet:
    """A program for one bundle.

    Attributes:
        language: a key of `kerasbert.export.report.engines.EXTENSIONS`.
        title: what runs the file. install: how to get that. code: the program.
    """

    language: str
    title: str
    install: str
    code: str


def snippets(folder: Path, manifest: Manifest) -> list[Snippet]:
    """The programs for the files that a bundle has, Python's first.

    A program is left out if the task has none, or if it asks for something that the task has not.
    """
    shown, files = shown_example(folder, manifest), files_to_show(manifest)
    made, graph = [], manifest.graphs[0]
    tokens = _tokens(folder, manifest)
    for engine in ENGINES:
        code = program(engine, manifest.task)
        if engine.kind not in files or code is None:
            continue
        values, file = dict(_values(engine.language, manifest, shown, tokens)), files[engine.kind]
        outputs = [file.outputs.get(each.name, each.name) for each in graph.outputs]
        values |= {
            "FILE": file.parts[0].path,
            **{f"{name.upper()}_FILE": part.path for part in file.parts for name in part.graphs},
            "STEM": Path(file.parts[0].path).stem,
            "OUTPUT": outputs[0],
            "OUTPUTS": _listed(_literal(name, engine.language) for name in outputs),
            "INPUTS": _inputs(engine.name, engine.language, manifest, values, _made_of(manifest, shown)),
        }
        for mark in PARTS:
            values[mark] = fill(part(engine.language, mark, manifest.task, graph.outputs[0].bar), values)
        code = fill(code, values)
        if code is not None:
            made.append(Snippet(language=engine.language, title=engine.title, install=engine.install, code=code))
    return made


def fill(source: str | None, values: Mapping[str, object]) -> str | None:
    """A source with its marks filled in; None if there is no source, or no value for one of its marks.

    A value of several lines is indented as its mark is.
    """
    if source is None or any(values.get(name) is None for name in MARK.findall(source)):
        return None

    def value(mark: re.Match) -> str:
        before = source[: mark.start()].rpartition("\n")[2]
        indent = "\n" + before if before.isspace() else "\n"
        return str(values[mark[1]]).rstrip("\n").replace("\n", indent)

    return MARK.sub(value, source)


def files_to_show(manifest: Manifest) -> dict[str, File]:
    """Kind -> the file to show: one with 8-bit weights if there is one. `ANY` is a kind here too."""
    shown = {}
    for file in sorted(manifest.files.values(), key=lambda file: file.precision != "int8"):
        shown.setdefault(file.kind, file)
        if KINDS[file.kind].chosen:
            shown.setdefault(ANY, file)
    return shown


def shown_example(folder: Path, manifest: Manifest) -> golden.Golden:
    """The example that the programs answer, with the ids and the answer that Keras gave.

    It is the task's own choice (`kerasbert.tasks.task.Words.shown`); the first one where examples have another form.
    """
    recorded = golden.read(folder, manifest.graphs)
    wanted = manifest.definition.words.shown
    return next((each for each in recorded if wanted in each.example.values()), recorded[0])


def _tokens(folder: Path, manifest: Manifest) -> dict[str, object]:
    """The file with a token per line and the tokens that are no text; for a model that asks for the position of a mask,
    that token and its id. A value that does not exist is missing, or None."""
    tokenizer = from_options(manifest.tokenizer, folder)
    vocabulary = "vocab.txt" if tokenizer.kind == "wordpiece" else None
    found = {"VOCABULARY": vocabulary, "SPECIAL": sorted(tokenizer.special_tokens)}
    if any(each.name == "mlm_positions" for each in manifest.graphs[0].inputs):
        found |= {"MASK": tokenizer.special["mask"], "MASK_ID": tokenizer.id_of("mask")}
    return found


def _values(language: str, manifest: Manifest, shown: golden.Golden, tokens: Mapping) -> Iterator[tuple[str, object]]:
    """What the marks stand for, but for those that depend on the file."""
    row, graph = shown.rows[0], manifest.graphs[0]
    needed = max(len(each.input_ids) for each in shown.rows)
    length = next(length for length in manifest.lengths if length >= needed)
    signatures = {n: f"tokens_{n}" for n in manifest.lengths} | {manifest.lengths[-1]: "serving_default"}
    example = {name: _with_mask(value, tokens.get("MASK")) for name, value in shown.example.items()}
    texts = {name: (_literal(value, language), isinstance(value, str)) for name, value in example.items()}
    given = _listed(text if single else f"[{text}]" for text, single in texts.values())
    before = _literal(prompt, language) + " + " if (prompt := prompt_of(manifest.task_settings)) else ""
    for name, value in manifest.settings.items():
        yield name.upper(), _literal(value, language)
    for place, (name, (text, _)) in enumerate(texts.items()):
        yield name.upper(), text if place else before + text
    yield "GIVEN", given  # without the prompt
    yield "TEXTS", before + given
    yield from tokens.items()
    yield "SPECIAL", _literal(tokens["SPECIAL"], language)
    yield "EXAMPLE", _literal(example, language)
    for each in (each for each in manifest.definition.fields if each.kind == "text or texts"):
        yield "SENTENCES", _literal(Source.of(example[each.name]).sentences, language)
    yield "VERB", None if why_not(manifest.tokenizer, graph) else manifest.definition.words.verb
    yield "PAD_ID", next(each.pad for each in graph.inputs if each.name == "input_ids")
    yield "CLS_ID", row.input_ids[0]
    yield "SEP_ID", row.input_ids[-1]
    if language in IDS:
        yield "IDS", ",\n".join(IDS[language].format(_listed(each.input_ids)) for each in shown.rows)
    if row.offsets is not None:
        yield "STARTS", _listed(start for start, _ in row.offsets)
        yield "ENDS", _listed(end for _, end in row.offsets)
        yield "WORDS", _listed(row.words)
    yield "LENGTH", length
    yield "LENGTHS", _listed(manifest.lengths)
    yield "SIGNATURE", signatures[length]
    yield "SIGNATURES", signatures
    yield "WIDTH", graph.outputs[0].width


def _with_mask(value: object, mask: str | None) -> object:
    """A text with the model's own token in place of `MASK`, which stands for it; other values as they are."""
    return value.replace(MASK, mask) if mask and isinstance(value, str) else value


def _listed(values: Iterable) -> str:
    return ", ".join(map(str, values))


def _literal(value, language: str) -> str:
    """A value as the language writes it; a list without its brackets, as each language has others.

    JSON's escapes of characters beyond U+FFFF would be JavaScript's only.
    """
    if isinstance(value, list | tuple):
        return _listed(_literal(each, language) for each in value)
    if language == "python" and not isinstance(value, str):
        return repr(value)
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("$", "\\$") if language == "kotlin" else text


IDS = {"kotlin": "intArrayOf({})", "swift": "[{}]"}
"""Language -> how the ids of a row are written. Programs in the others have a tokenizer."""
ANDROID = {
    "": '"{name}" to {value},',
    "input_ids": "IntArray({LENGTH}) {{ ids.getOrElse(it) {{ {PAD_ID} }} }}",
    "attention_mask": "IntArray({LENGTH}) {{ if (it < ids.size) 1 else 0 }}",
    "token_type_ids": "IntArray({LENGTH})",
    "token_type_ids of pairs": "IntArray({LENGTH}) {{ if (it in ids.indexOf({SEP_ID}) + 1 until ids.size) 1 else 0 }}",
    "token_type_ids of sentences": "IntArray({LENGTH}) {{ if (it < ids.size) "
    "ids.take(it).count {{ id -> id == {SEP_ID} }} % 2 else 0 }}",
    "mlm_positions": "intArrayOf(ids.indexOf({MASK_ID}))",
}
INPUTS = {
    "python": {
        "": '"{name}": {value},',
        "input_ids": "row.ids",
        "attention_mask": "row.attention_mask",
        "token_type_ids": "row.type_ids",
        "mlm_positions": "[row.ids.index({MASK_ID})]",
    },
    "kotlin": ANDROID,
    "kotlin litert_learning": {name: form.replace("{LENGTH}", "{MAX_LENGTH}") for name, form in ANDROID.items()},
    "swift": {
        "": '"{name}": {value},',
        "input_ids": "padded(ids, with: {PAD_ID})",
        "attention_mask": "padded(ids.map {{ _ in 1 }}, with: 0)",
        "token_type_ids": "padded([], with: 0)",
        "token_type_ids of pairs": "padded(ids.indices.map {{ $0 > ids.firstIndex(of: {SEP_ID})! ? 1 : 0 }}, with: 0)",
        "token_type_ids of sentences": "padded(ids.indices.map {{ place in "
        "Int32(ids[..<place].filter {{ $0 == {SEP_ID} }}.count % 2) }}, with: 0)",
        "mlm_positions": "padded([Int32(ids.firstIndex(of: {MASK_ID})!)], with: 0, to: 1)",
    },
    "javascript": {
        "": "{name}: tensor({value}),",
        "input_ids": "row.input_ids",
        "attention_mask": "row.attention_mask",
        "token_type_ids": "row.token_type_ids",
        "mlm_positions": "[row.input_ids.indexOf({MASK_ID})]",
    },
}
"""Language, or language and engine -> how an input is given: the form of a line under "", and the value by name."""


def _made_of(manifest: Manifest, shown: golden.Golden) -> str:
    """What rows are made of: "sentences", "pairs" of texts or single "texts"."""
    if any(each.kind == "text or texts" for each in manifest.definition.fields):
        return "sentences"
    return "pairs" if len(shown.example) > 1 else "texts"


def _inputs(engine: str, language: str, manifest: Manifest, values: Mapping, made_of: str) -> str | None:
    """The lines that give the model its inputs; None if an input is not known."""
    forms = INPUTS.get(f"{language} {engine}", INPUTS[language])
    names = [each.name for each in manifest.graphs[0].inputs]
    if not forms.keys() >= set(names):
        return None
    chosen = {name: forms.get(f"{name} of {made_of}", forms[name]) for name in names}
    return "\n".join(forms[""].format(name=name, value=form.format(**values)) for name, form in chosen.items())
