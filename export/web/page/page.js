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
    show(await bundle.ask(name, at("text").value, at("pair").value || null), bundle.manifest.files[name]);
  } catch (error) {
    at("status").textContent = `No answer: ${error.message ?? error}`;
  } finally {
    at("ask").disabled = false;
  }
}

function show({ label, scores, tokens, tokenizing, running }, file) {
  const bars = scores.map(([name, value, min, max]) => {
    const row = element("div", "", { className: label === name ? "best" : "" });
    const meter = element("meter", "", { min, max, value, ariaLabel: name });
    row.append(element("span", name), meter, element("span", value.toFixed(3)));
    return row;
  });
  at("bars").replaceChildren(element("p", label || "none of the labels", { id: "answer" }), ...bars);
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
  if (task.pairUse) at("pair-use").textContent = task.pairUse;
  at("title").textContent = [manifest.task.replaceAll("-", " "), ...(manifest.settings.labels ?? []).slice(0, 5)].join(" · ");
  at("file").append(...files.map(([name, file]) =>
    element("option", `${name} (${file.precision}, ${megabytes(file.bytes)})`, { value: name })));
  const examples = golden.map(({ example: { text, text_pair: pair = null } }) => ({ text, pair }));
  const short = examples.filter(({ text, pair }) => text && (text + pair).length < 90).slice(0, 6);
  at("examples").append(...short.map(({ text, pair }) =>
    element("button", pair ? `${text} / ${pair}` : text, {
      type: "button",
      onclick: () => {
        at("text").value = text;
        at("pair").value = pair ?? "";
        ask();
      },
    })));
  at("form").onsubmit = (event) => {
    event.preventDefault();
    ask();
  };
  for (const box of [at("text"), at("pair")])
    box.onkeydown = (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        ask();
      }
    };
  at("check").onclick = check;
  at("form").hidden = at("checks").hidden = false;
  at("status").textContent = "";
  at("text").focus();
}

fill();
