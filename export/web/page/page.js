// The page: a text goes in, an answer and milliseconds come out.

import { openBundle } from "./bundle.js";
import { bytesOf } from "./engines.js";

const at = (id) => document.getElementById(id);
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)}\u00a0MB`;
const milliseconds = (value) => `${value.toFixed(1)}\u00a0ms`;

function element(tag, text, properties = {}) {
  return Object.assign(document.createElement(tag), { textContent: text }, properties);
}

const bundle = await openBundle().catch((error) => {
  at("status").textContent = `The bundle cannot be read: ${error.message}`;
  throw error;
});

const box = ({ name }) => at(`field-${name}`);
const choice = ({ name }) => at(`choice-${name}`);

// Answers what is typed. A text that is asked later ends the run of an earlier one.
let stop = new AbortController(), answered = Promise.resolve();
function ask() {
  clearTimeout(typing);
  stop.abort();
  stop = new AbortController();
  const { signal } = stop;
  answered = answered.then(() => (signal.aborted ? null : answer(signal)));
}

let typing;
const askSoon = () => {
  clearTimeout(typing);
  stop.abort();
  typing = setTimeout(ask, PAUSE);
};
const PAUSE = 250; // milliseconds without a key, after which a text is answered while it is typed

async function answer(signal) {
  at("ask").disabled = !bundle.task.live;
  at("result").ariaBusy = true;
  at("status").textContent = "Loading the model …";
  try {
    const name = at("file").value;
    await bundle.open(name);
    at("status").textContent = "";
    const found = await bundle.ask(name, typed(fit()), chosen(), signal);
    if (!signal.aborted) show(found, bundle.manifest.files[name]);
  } catch (error) {
    if (signal.aborted) return;
    for (const part of ["answer", "note", "marked", "scores", "timing"]) at(part).replaceChildren();
    at("marked").hidden = true;
    at("status").textContent = `No answer: ${error.message ?? error}`;
  } finally {
    at("ask").disabled = false;
    at("result").ariaBusy = false;
  }
}

// Asks again what was asked before, after a change of the file or of a setting.
function askAgain() {
  fit();
  if (at("timing").textContent) ask();
}

// Shows the boxes and examples that the chosen file can use, and returns its fields.
function fit() {
  const fields = bundle.fields(at("file").value), names = fields.map(({ name }) => name);
  for (const field of bundle.task.fields) box(field).parentElement.hidden = !fields.includes(field);
  const fitting = [];
  for (const button of at("examples").querySelectorAll("button")) {
    button.hidden = true;
    if (Object.keys(button.example).every((name) => names.includes(name))) fitting.push(button);
  }
  for (const button of fitting.slice(0, EXAMPLES)) button.hidden = false;
  return fields;
}

const EXAMPLES = 6;

// The example that the boxes hold. An empty box of a field that an example may lack counts as absent.
function typed(fields) {
  const given = fields.filter((field) => box(field).value || !field.optional);
  return Object.fromEntries(given.map((field) => [field.name, field.list ? linesOf(box(field).value) : box(field).value]));
}
const linesOf = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

// The settings that the user chose.
const chosen = () => Object.fromEntries((bundle.task.choices ?? []).map((each) => [each.name, choice(each).value]));

// The parts of a text, the marked ones with their labels behind them.
function marked(text, marks) {
  const parts = [];
  let done = 0;
  for (const { start, end, label, kind, score } of marks) {
    const mark = element("mark", text.slice(start, end), { title: `${label} ${score.toFixed(3)}`, dir: "auto" });
    mark.style.setProperty("--hue", HUES[kind % HUES.length]);
    mark.append(element("small", label));
    parts.push(text.slice(done, start), mark);
    done = end;
  }
  return [...parts, text.slice(done)];
}
const HUES = [255, 60, 150, 320, 95, 20, 200, 125]; // neighbours are far apart

// Names with their scores as bars: the first ones, and the others on demand.
function bars(scores, best) {
  const rows = scores.map(([name, value, min, max]) => {
    const row = element("li", "", { className: best.includes(name) ? "best" : "" });
    const meter = element("meter", "", { min, max, value, ariaLabel: name });
    meter.style.setProperty("--share", `${(100 * (meter.value - min)) / (max - min)}%`);
    row.append(element("span", name, { dir: "auto" }), meter, element("span", value.toFixed(3)));
    return row;
  });
  const list = (rows) => {
    const list = element("ul", "", { className: "bars" });
    list.append(...rows);
    return list;
  };
  if (rows.length <= SHOWN) return rows.length ? [list(rows)] : [];
  const others = element("details", "");
  others.append(element("summary", `${rows.length - SHOWN} more`), list(rows.slice(SHOWN)));
  return [list(rows.slice(0, SHOWN)), others];
}
const SHOWN = 8;

function show({ label, best = [], note = "", scores, text, marks, tokens, cut, tokenizing, running }, file) {
  at("answer").textContent = label || "none of the labels";
  at("note").textContent = note;
  at("marked").replaceChildren(...marked(text ?? "", marks ?? []));
  at("marked").hidden = !text;
  at("scores").replaceChildren(...bars(scores, best));
  const left = cut ? ` (${cut} more were cut off)` : "";
  const read = tokens ? `${tokens} tokens${left} in ${milliseconds(tokenizing)}, model` : "tokens and model";
  at("timing").textContent = `${read}\u00a0${milliseconds(running)}, file\u00a0${megabytes(bytesOf(file))}`;
}

async function check() {
  at("check").disabled = true;
  at("report").hidden = false;
  at("report").tBodies[0].replaceChildren();
  const heads = [...at("report").tHead.rows[0].cells].map((head) => head.textContent);
  for (const [name, file] of bundle.files) {
    const row = at("report").tBodies[0].insertRow();
    const cell = (text, right = true) => {
      const made = element("td", text, { className: right ? "" : "wrong" });
      made.dataset.head = heads[row.cells.length];
      row.append(made);
    };
    row.append(element("th", name, { scope: "row" }));
    try {
      const { texts, sameIds, sameAnswers, difference, milliseconds } = await bundle.check(name);
      const exact = file.precision === "float32" && sameIds !== null; // others may round, or read texts their own way
      cell(texts);
      cell(sameIds ?? "its own", (sameIds ?? texts) === texts);
      cell(sameAnswers, sameAnswers === texts || !exact);
      cell(difference.toExponential(1), difference < 1e-3 || !exact);
      cell(milliseconds.toFixed(1));
    } catch (error) {
      row.append(element("td", error.message ?? error, { className: "wrong", colSpan: heads.length - 1 }));
    }
  }
  at("check").disabled = false;
}

function fillFields() {
  for (const { name, title, note = "", list, optional = false, lines = optional ? 2 : 4 } of bundle.task.fields) {
    const label = element("label", `${title} `, { htmlFor: `field-${name}` });
    label.append(element("small", note));
    const field = element("div", "");
    field.append(label, element("textarea", "", { id: `field-${name}`, rows: lines, dir: "auto" }));
    at("fields").append(field);
    if (bundle.task.live) at(`field-${name}`).oninput = askSoon;
    at(`field-${name}`).onkeydown = (event) => {
      if (event.key === "Enter" && !list && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        ask();
      }
    };
  }
}

function fillChoices() {
  for (const { name, title, values } of bundle.task.choices ?? []) {
    const select = element("select", "", { id: `choice-${name}`, onchange: askAgain });
    const own = bundle.manifest.settings[name];
    select.append(...values.map((value) => element("option", value, { value, selected: value === own })));
    at("choices").append(element("label", title, { htmlFor: select.id }), select);
  }
  at("file").append(...bundle.files.map(([name, file]) =>
    element("option", `${name} (${file.precision}, ${megabytes(bytesOf(file))})`, { value: name })));
  at("file").onchange = askAgain;
  at("files").hidden = bundle.files.length === 1;
}

function fillExamples() {
  const examples = bundle.golden.map(({ example }) => ({ example, texts: bundle.texts(example) }));
  const lists = ({ example }) => bundle.task.fields.filter(({ list }) => list).map(({ name }) => example[name]);
  const fits = (list) => String(linesOf(list.join("\n"))) === String(list);
  const short = examples.filter((each) =>
    each.texts[0] && each.texts.flat().join("").length < 130 && lists(each).every(fits));
  short.sort((a, b) => b.texts.length - a.texts.length); // pairs first
  at("examples").append(...short.map(({ example, texts }) =>
    element("button", texts.flat().filter(Boolean).join(" / "), {
      type: "button",
      dir: "auto",
      example,
      onclick: () => {
        for (const field of bundle.task.fields) box(field).value = [example[field.name] ?? ""].flat().join("\n");
        ask();
      },
    })));
}

function fill() {
  const { manifest, task } = bundle;
  fillFields();
  fillChoices();
  fillExamples();
  const title = task.title ?? manifest.task.replaceAll("-", " ");
  at("title").textContent = document.title = title[0].toUpperCase() + title.slice(1);
  const labels = task.about?.(manifest.settings) ?? manifest.settings.labels ?? [];
  const more = labels.length > 10 ? ` and ${labels.length - 8} more` : "";
  at("about").textContent = labels.length ? `Labels: ${labels.slice(0, more ? 8 : 10).join(", ")}${more}` : "";
  at("form").onsubmit = (event) => {
    event.preventDefault();
    ask();
  };
  at("check").onclick = check;
  at("answer").classList.toggle("written", task.live ?? false);
  if (task.live) at("hint").textContent = "or just type; Shift+Enter for a new line";
  fit();
  at("form").hidden = at("checks").hidden = false;
  at("status").textContent = "";
  at("result-title").after(at("status"));
  box(task.fields[0]).focus();
}

fill();
