"""report.html, one page without scripts: how good, fast and large each file of a bundle is, and how an app runs it."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources
from itertools import chain
from pathlib import Path

from kerasbert.errors import BundleError
from kerasbert.export import web
from kerasbert.export.gate.verify import Row
from kerasbert.export.report.chart import Mark, draw
from kerasbert.export.report.snippets import Snippet, shown_example, snippets
from kerasbert.files import write_text
from kerasbert.reading import parse, read_text
from kerasbert.runtime.manifest import Manifest
from kerasbert.schema import from_json
from kerasbert.tasks.encoding import prompt_of
from kerasbert.tasks.numbers import numbers_of

NAME = "report.html"
STYLES = {
    "tflite": "tflite",
    "mediapipe": "tflite",
    "trainable": "tflite",
    "tflite-text": "tflite",
    "onnx": "onnx",
    "saved_model": "saved",
}
"""Kind of file -> the class that gives it its colour."""
OTHER = "other"
"""The class of everything else, such as the Keras model."""
LANGUAGES = {"python": "Python", "kotlin": "Kotlin", "swift": "Swift", "javascript": "JavaScript"}
STYLE = resources.files(web) / "page" / "style.css"
"""The style sheet that the page for browsers has too. The report holds a copy, because it is one file."""
SHOWN = 8
"""Number of labels in the line under the title. All of them stand in the facts."""


def write_report(folder: Path, manifest: Manifest, rows: Sequence[Row], measured: Sequence = ()) -> None:
    """Writes report.html into a bundle.

    Args:
        rows: from `kerasbert.export.gate.verify.verify`. measured: from `kerasbert.export.benchmark.measure.benchmark`.
    """
    write_text(folder / NAME, page(folder, manifest, rows, measured))


def read_rows(folder: Path, manifest: Manifest) -> list[Row]:
    """The rows of report.json for a bundle's files.

    Raises:
        BundleError: it is missing, not whole, or describes other files.
    """
    path = folder / "report.json"
    try:
        rows = {row.format: row for row in from_json(list[Row], parse(read_text(path, BundleError)), "rows")}
        return [rows[name] for name in manifest.files]
    except (BundleError, ValueError, TypeError, KeyError) as error:
        raise BundleError(f"{path}: not readable as the gate's report ({error}); export again") from None


def page(folder: Path, manifest: Manifest, rows: Sequence[Row], measured: Sequence = ()) -> str:
    """The page as text. Everything that comes from the bundle is escaped."""
    title = manifest.definition.words.title
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{_count(len(rows), "file")}, each checked against the Keras model{_labels(manifest)}</p>',
        *_link(folder),
        "<h2>Which file</h2>",
        _chart(manifest, rows),
        _files(manifest, rows),
        '<p class="soft">Milliseconds are the time for one text, from string to answer, on the machine that exported. '
        "The difference is the largest between any output and Keras's.</p>",
        _decisions(rows),
        _cosines(rows),
        *(_strange(row) for row in rows if row.read_differently),
    ]
    if measured:
        body += ["<h2>Measured</h2>", _measured(manifest, measured)]
        body.append(
            '<p class="soft">Milliseconds are the time of the model for one text with that number of tokens: the '
            "median and the 95th percentile. Load is the time from the start of a process to its first answer, memory "
            "is the growth of that process.</p>"
        )
    body += ["<h2>How to run it</h2>", *_programs(folder, manifest), "<h2>What it is</h2>", _facts(manifest)]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(title)}</title>",
            f"<style>\n{STYLE.read_text(encoding='utf-8')}</style></head>",
            "<body><main>",
            *body,
            "</main></body>",
            "</html>\n",
        ]
    )


def _labels(manifest) -> str:
    """The first labels in words."""
    labels = manifest.settings.get("labels", ())
    shown = len(labels) if len(labels) <= SHOWN + 2 else SHOWN
    more = f" and {len(labels) - shown} more" if len(labels) > shown else ""
    return f". Labels: {escape(', '.join(labels[:shown]))}{more}" if labels else ""


def _link(folder) -> list[str]:
    """The way to the page for browsers, if the bundle has it."""
    if not (folder / web.NAME).is_dir():
        return []
    note = "once a web server shows this folder: <code>python -m http.server</code>"
    return [f'<p><a href="{web.NAME}/">Try the files in a browser</a> <span class="soft">· {note}</span></p>']


def style_of(manifest: Manifest, name: str) -> str:
    """The class that gives a file its colour, by its name in kerasbert.json."""
    return STYLES.get(manifest.files[name].kind, OTHER) if name in manifest.files else OTHER


def _chart(manifest, rows) -> str:
    measured = all(row.figure is not None for row in rows)
    marks = [
        Mark(
            name=row.format,
            style=style_of(manifest, row.format),
            milliseconds=row.milliseconds,
            megabytes=row.megabytes,
            quality=row.figure if measured else row.agreement,
        )
        for row in rows
    ]
    return draw(marks, quality=manifest.definition.headline if measured else "answers equal to Keras's")


def _files(manifest, rows) -> str:
    measured = any(row.figure is not None for row in rows)
    heads = ["file", "precision", "MB", "ms per text", "max difference", "equal answers"]
    heads += [manifest.definition.headline] if measured else []
    sizes = _aligned([row.megabytes for row in rows])
    times = _aligned([row.milliseconds for row in rows])
    lines = []
    for row, size, time in zip(rows, sizes, times, strict=True):
        cells = [
            f'<span class="dot {style_of(manifest, row.format)}"></span>{escape(row.format)} '
            f'<code class="soft">{escape(row.path)}</code>',
            escape(manifest.files[row.format].precision),
            size,
            time,
            f"{row.max_difference:.1e}",
            f"{row.agreement:.1%}",
        ]
        lines.append(cells + (["" if row.figure is None else f"{row.figure:.1%}"] if measured else []))
    return _table(heads, lines)


def _decisions(rows) -> str:
    """For each file the figure by which it passed."""
    decided = {row.format: escape(row.decision.figure) for row in rows if row.decision}
    return f"<h3>What decided</h3>\n{_definitions(decided)}" if decided else ""


def _cosines(rows) -> str:
    """For each golden text the cosine of every quantised file's vector with Keras's, of a sentence encoder."""
    measured = [row for row in rows if row.cosines]
    if not measured:
        return ""
    texts = dict.fromkeys(text for row in measured for text in row.cosines)
    lines = [
        [f"<bdi>{escape(text[:40] or 'no text')}</bdi>"]
        + [f"{row.cosines[text]:.4f}" if text in row.cosines else "" for row in measured]
        for text in texts
    ]
    table = _table(["text", *(row.format for row in measured)], lines)
    return f"<details><summary>Cosine with Keras's vector, text by text</summary>\n{table}</details>"


def _aligned(numbers: Sequence[float]) -> list[str]:
    """Numbers with the same count of decimals: one, or as many as the least needs for two digits, at most three."""
    least = min((number for number in numbers if number > 0), default=1)
    decimals = min(3, max(1, 1 - math.floor(math.log10(least))))
    return [f"{number:.{decimals}f}" for number in numbers]


def _strange(row) -> str:
    texts = ", ".join(f"<q><bdi>{escape(text[:24])}</bdi></q>" for text in row.read_differently)
    return (
        f"<p><code>{escape(row.path)}</code>: MediaPipe's tokenizer reads {_count(len(row.read_differently), 'text')} "
        f'of golden.json differently from BERT\'s: <span class="soft">{texts}</span></p>'
    )


def _measured(manifest, measured) -> str:
    lengths = sorted({row.sequence_length for row in measured})
    heads = ["file", "threads", "load", "memory", *(f"{length} tokens" for length in lengths)]
    groups = {}
    for row in measured:
        groups.setdefault((row.name, row.threads), []).append(row)
    lines = []
    for (name, threads), group in groups.items():
        times = {row.sequence_length: f"{row.ms:.1f} / {row.ms_p95:.1f}" for row in group}
        first = [
            f'<span class="dot {style_of(manifest, name)}"></span>{escape(name)}',
            str(threads),
            f"{group[0].load_s:.1f} s",
            f"{group[0].memory_mb:.0f} MB",
        ]
        lines.append([*first, *(times.get(length, "") for length in lengths)])
    return _table(heads, lines)


RULES = ("min_new_tokens", "no_repeat_ngram_size")
"""The settings of a text that programs of forty lines leave out."""


def _programs(folder, manifest) -> list[str]:
    numbers = ", ".join(each.name for each in numbers_of(manifest.graphs))
    if numbers:
        said = f"No programs: they answer texts alone, and this model also takes {numbers}."
        return [f'<p class="soft">{escape(said)}</p>']
    shown = shown_example(folder, manifest)
    texts = chain.from_iterable([value] if isinstance(value, str) else value for value in shown.example.values())
    asked = "”, “".join(f"<bdi>{escape(text)}</bdi>" for text in texts)
    found = escape(json.dumps(_short(shown.answer), ensure_ascii=False))
    parts = [
        f'<p class="soft">Each program answers “{asked}”; Keras says: <code>{found}</code>. <code>golden.json</code> '
        "holds more examples with their token ids, outputs and answers, to check a port against.</p>"
    ]
    if prompt := prompt_of(manifest.task_settings):
        said = f"The model was taught with “{prompt}” before every text. A program whose file takes ids or that uses "
        said += "MediaPipe puts it there; kerasbert.runtime and files that take texts do so themselves."
        parts.append(f'<p class="soft">{escape(said)}</p>')
    if manifest.definition.averages:
        parts.append(
            f'<p class="soft">Of a text with more than {manifest.task_settings.max_length} tokens, the programs answer '
            "the beginning. Those for kerasbert.runtime and TensorFlow read all of it, in windows, and average "
            "the logits of the windows by their numbers of tokens.</p>"
        )
    if shown.greedy is not None:
        parts.append(about_greedy(shown.greedy, manifest.task_settings))
    language = None
    for index, snippet in enumerate(snippets(folder, manifest)):
        if snippet.language != language:
            language = snippet.language
            parts.append(f"<h3>{LANGUAGES[language]}</h3>")
        parts.append(_program(snippet, opened=index == 0))
    return parts


def about_greedy(answer, settings) -> str:
    """What the page says of programs that write a text by greedy search. Args: answer: Keras's by this search."""
    found = escape(json.dumps(_short(answer), ensure_ascii=False))
    said = (
        "The programs take the likeliest token each time, except that for kerasbert.runtime. Keras then says: "
        f"<code>{found}</code>."
    )
    rules = [f"{name} {getattr(settings, name)}" for name in RULES if getattr(settings, name)]
    if rules:
        said += (
            f" Only those for kerasbert.runtime and TensorFlow obey {' and '.join(rules)}, so the others may write "
            "another text."
        )
    return f'<p class="soft">{said}</p>'


def _short(answer):
    """An answer with three digits per number, three numbers per vector, and the first of several vectors."""
    if isinstance(answer, dict):
        return {name: _short(value) for name, value in answer.items()}
    if isinstance(answer, list) and answer and isinstance(answer[0], dict):
        return [*map(_short, answer)]
    if isinstance(answer, list) and answer and isinstance(answer[0], float | list):
        return [*map(_short, answer[: 3 if isinstance(answer[0], float) else 1]), "..."]
    return float(f"{answer:.3g}") if isinstance(answer, float) else answer


def _program(snippet: Snippet, *, opened: bool) -> str:
    return (
        f"<details{' open' if opened else ''}><summary>{escape(snippet.title)} "
        f'<span class="soft">· <code>{escape(snippet.install)}</code></span></summary>\n'
        f'<pre tabindex="0"><code class="language-{snippet.language}">{escape(snippet.code)}</code></pre></details>'
    )


def _facts(manifest) -> str:
    known = {name.replace("_", " "): _said(value) for name, value in manifest.settings.items()}
    tokenizer = {name.replace("_", " "): _said(value) for name, value in manifest.tokenizer.items()}
    facts = {
        "task": manifest.task,
        **known,
        "lengths": _said(manifest.lengths),
        "inputs": _said(dict.fromkeys(each.name for graph in manifest.graphs for each in graph.inputs)),
        "outputs": _said(each.name for graph in manifest.graphs for each in graph.outputs),
        "tokenizer": ", ".join(f"{name}: {value}" for name, value in tokenizer.items() if value),
        "lowest runtimes": _runtimes(manifest),
        "written by": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
    }
    parts = [part for file in manifest.files.values() for part in file.parts]
    sums = {part.path: part.sha256 for part in parts} | manifest.checksums
    digests = {path: f"<code>{escape(digest)}</code>" for path, digest in sums.items()}
    facts = {name: escape(value) for name, value in facts.items()}
    return f"{_definitions(facts)}\n<h3>Checksums, SHA-256</h3>\n{_definitions(digests)}"


def _runtimes(manifest) -> str:
    """The files by the lowest versions that run them, such as "TFLite 2.9 or LiteRT 1.0: model.tflite"."""
    groups = {}
    for file in manifest.files.values():
        groups.setdefault(file.lowest_runtimes, []).append(file.path)
    return "; ".join(f"{versions}: {', '.join(paths)}" for versions, paths in groups.items() if versions)


def _said(value) -> str:
    """A setting as text; "" for none."""
    if value is None or isinstance(value, bool):
        return {True: "yes", False: "no", None: ""}[value]
    return str(value) if isinstance(value, str) or not isinstance(value, Iterable) else ", ".join(map(str, value))


def _definitions(values: Mapping[str, str]) -> str:
    """Names are text, values are HTML."""
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{value}</dd>' for name, value in values.items() if value)}</dl>"


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Cells are HTML, heads are text. The first cell of a line is its head; on a phone the others show theirs."""
    heads = [escape(name) for name in heads]
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    rows = []
    for first, *others in lines:
        cells = "".join(f'<td data-head="{name}">{cell}</td>' for name, cell in zip(heads[1:], others, strict=True))
        rows.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>{chr(10).join(rows)}</tbody></table>"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
