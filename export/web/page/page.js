// The page: a text goes in, an answer and milliseconds come out.

import { openBundle } from "./bundle.js";

const at = (id) => document.getElementById(id);
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
const milliseconds = (value) => `${value.toFixed(1)} ms`;

function element(tag, text, properties = {}) {
  return Object.assign(document.createElement(tag), { textContent: text }, properties);
}

const bundle = await openBundle().catch((error) => {
  at("status").textContent = `The bundle cannot be read: ${error.message}`;
  throw error;
});

async function ask() {
  at("ask").disabled = true;
  at("status").textContent = "Loading the model …";
  try {
    const name = at("file").value;
    await bundle.open(name);
    at("status").textContent = "";
    const example = typed();
    show(await bundle.ask(name, example, chosen()), bundle.texts(example)[0], bundle.manifest.files[name]);
  } catch (error) {
    at("status").textContent = `No answer: ${error.message ?? error}`;
  } finally {
    at("ask").disabled = false;
  }
}

const box = ({ name }) => at(`field-${name}`);

// The example that the boxes hold. An empty box of a field that an example may lack counts as absent.
function typed() {
  const given = bundle.task.fields.filter((field) => box(field).value || !field.optional);
  return Object.fromEntries(given.map((field) => [field.name, box(field).value]));
}

const choice = ({ name }) => at(`choice-${name}`);

// The settings that the user chose.
const chosen = () => Object.fromEntries((bundle.task.choices ?? []).map((each) => [each.name, choice(each).value]));

// A text with marked parts, each with its label behind it.
function marked(text, marks) {
  const shown = element("p", "", { id: "marked" });
  let done = 0;
  for (const { start, end, label, kind, score } of marks) {
    const mark = element("mark", text.slice(start, end), { title: `${label} ${score.toFixed(3)}`, tabIndex: 0 });
    mark.style.setProperty("--hue", HUES[kind % HUES.length]);
    mark.append(element("small", label));
    shown.append(text.slice(done, start), mark);
    done = end;
  }
  shown.append(text.slice(done));
  return shown;
}
const HUES = [215, 25, 145, 285, 55, 350, 185, 95]; // neighbours are far apart

function show({ label, scores, marks, tokens, tokenizing, running }, text, file) {
  const bars = scores.map(([name, value, min, max]) => {
    const row = element("div", "", { className: label === name ? "best" : "" });
    const meter = element("meter", "", { min, max, value, ariaLabel: name });
    row.append(element("span", name), meter, element("span", value.toFixed(3)));
    return row;
  });
  const answer = element("p", label || "none of the labels", { id: "answer" });
  at("bars").replaceChildren(answer, ...(marks ? [marked(text, marks)] : []), ...bars);
  const read = tokens ? `${tokens} tokens in ${milliseconds(tokenizing)}, model` : "tokens and model";
  at("timing").textContent = `${read} ${milliseconds(running)}, file ${megabytes(file.bytes)}`;
}

async function check() {
  at("check").disabled = true;
  at("report").hidden = false;
  at("report").tBodies[0].replaceChildren();
  for (const [name, file] of bundle.files) {
    const row = at("report").tBodies[0].insertRow();
    row.append(element("td", name));
    try {
      const { texts, sameIds, sameAnswers, difference, milliseconds } = await bundle.check(name);
      const exact = file.precision === "float32" && sameIds !== null; // others may round, or read texts their own way
      row.append(
        element("td", texts),
        element("td", sameIds ?? "its own", { className: (sameIds ?? texts) === texts ? "" : "wrong" }),
        element("td", sameAnswers, { className: sameAnswers === texts || !exact ? "" : "wrong" }),
        element("td", difference.toExponential(1), { className: difference < 1e-3 || !exact ? "" : "wrong" }),
        element("td", milliseconds.toFixed(1)),
      );
    } catch (error) {
      row.append(element("td", error.message ?? error, { className: "wrong", colSpan: 5 }));
    }
  }
  at("check").disabled = false;
}

function fill() {
  const { manifest, task, golden, files } = bundle;
  for (const { name, title, note = "", optional = false } of task.fields) {
    const label = element("label", `${title} `, { htmlFor: `field-${name}` });
    label.append(element("small", note));
    at("fields").append(label, element("textarea", "", { id: `field-${name}`, rows: optional ? 2 : 3 }));
  }
  for (const { name, title, values } of task.choices ?? []) {
    const select = element("select", "", { id: `choice-${name}` });
    select.append(...values.map((value) => element("option", value, { value, selected: value === manifest.settings[name] })));
    select.onchange = ask;
    at("fields").append(element("label", title, { htmlFor: select.id }), select);
  }
  const about = task.about?.(manifest.settings) ?? manifest.settings.labels ?? [];
  at("title").textContent = [manifest.task.replaceAll("-", " "), ...about.slice(0, 5)].join(" · ");
  at("file").append(...files.map(([name, file]) =>
    element("option", `${name} (${file.precision}, ${megabytes(file.bytes)})`, { value: name })));
  const examples = golden.map(({ example }) => ({ example, texts: bundle.texts(example) }));
  const short = examples.filter(({ texts }) => texts[0] && texts.join("").length < 90).slice(0, 6);
  at("examples").append(...short.map(({ example, texts }) =>
    element("button", texts.filter(Boolean).join(" / "), {
      type: "button",
      onclick: () => {
        for (const field of task.fields) box(field).value = example[field.name] ?? "";
        ask();
      },
    })));
  at("form").onsubmit = (event) => {
    event.preventDefault();
    ask();
  };
  for (const field of task.fields)
    box(field).onkeydown = (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        ask();
      }
    };
  at("check").onclick = check;
  at("form").hidden = at("checks").hidden = false;
  at("status").textContent = "";
  box(task.fields[0]).focus();
}

fill();
