// A bundle's description, vocabulary and files, and its answers. All is read from the folder above this one.

import { BytePair } from "./bytepair.js";
import { openModel, readsText, runnable } from "./engines.js";
import { WordPiece } from "./wordpiece.js";
import { asText } from "./words.js";

const VERSION = 6; // of kerasbert.json, as in kerasbert/runtime/manifest.py

export async function openBundle(home = new URL("../", import.meta.url)) {
  const manifest = await (await get(new URL("kerasbert.json", home))).json();
  checkVersion(manifest);
  const golden = await (await get(new URL("golden.json", home))).json();
  const task = await import(`./tasks/${manifest.task}.js`);
  return new Bundle(home, manifest, task, await TOKENIZERS[manifest.tokenizer.kind](home, manifest.tokenizer), golden);
}

// The tokenizer of a bundle alone.
export async function openTokenizer(home = new URL("../", import.meta.url)) {
  const { tokenizer } = await (await get(new URL("kerasbert.json", home))).json();
  return TOKENIZERS[tokenizer.kind](home, tokenizer);
}

const TOKENIZERS = {
  wordpiece: async (home, { added_tokens }) => {
    const vocabulary = await (await get(new URL("vocab.txt", home))).text();
    return new WordPiece(vocabulary, await (await get(new URL("characters.json", import.meta.url))).json(), added_tokens);
  },
  bytepair: async (home) => new BytePair(await (await get(new URL("tokenizer.json", home))).json()),
};

// task: a module of tasks/, which is named as the task is in kerasbert.json, and exports
//   fields: the parts of an example, {name, title, note, lines, list, optional, when}: its name in golden.json, the
//     title, a note and the height of its box on the page, whether it is a list of texts with one text per line, whether
//     an example may lack it, and when(settings): whether the model uses it; without it always
//   asks(texts of an example, in the order of fields): the texts of each run, one list per run
//   rows(tokenizer, texts of a run, settings): the rows of a run, as tokenizer.js has them; without it one, cut to length
//   infer(runs, a row, settings, pause): the outputs for a row, where a model has several graphs. runs: the graphs by name;
//     pause: awaited between two of many runs. Without it those of the graph "model"
//   title: of the page; without it the task's name
//   live: whether a text is answered while it is typed; without it not
//   choices: settings that a user may change, {name, title, values}; without it none
//   about(settings): a few words for the title; without it the labels
//   decode(runs, settings) -> {label: the answer, scores: [[name, value, from, to], ...]}. It may have a note on the
//     answer, best: the names of the scores that it is made of, and for an answer about parts of a text that text and
//     marks: [{start, end, label, kind, score}, ...], places in UTF-16 units, kinds numbered from 0.
//     A run is {texts, rows, outputs}, with one {name: numbers} in outputs for each row. rows is [null] where the model
//     reads the text itself.
//   compare(run, an example of golden.json, settings) -> {same: whether the answer is, difference: the largest one}
class Bundle {
  constructor(home, manifest, task, tokenizer, golden) {
    Object.assign(this, { home, manifest, task, tokenizer, golden });
    this.files = runnable(manifest);
    this.models = new Map(); // name -> promise of {runs, readsText}; each file is loaded once
  }

  open(name) {
    if (!this.models.has(name)) this.models.set(name, this.#load(this.manifest.files[name]));
    return this.models.get(name);
  }

  async #load(file) {
    const bytes = await Promise.all(file.parts.map((part) => this.#read(part)));
    const model = { runs: await openModel(file, bytes, this.manifest), readsText: readsText(file) };
    const [texts] = this.task.asks(this.texts(this.golden[0].example));
    await this.run(model, texts); // the first run takes longer: the runtimes prepare their kernels then
    return model;
  }

  async #read({ path, bytes: written, sha256 }) {
    const bytes = new Uint8Array(await (await get(new URL(path, this.home))).arrayBuffer());
    if (bytes.length !== written) throw new Error(`${path}: ${bytes.length} bytes, but ${written} were written`);
    await checkDigest(path, bytes, sha256);
    return bytes;
  }

  // The fields that the model uses and a file can take.
  fields(name) {
    const { fields, asks } = this.task;
    const single = readsText(this.manifest.files[name]) && asks(fields).some((run) => run.length > 1);
    return fields.filter(({ when, optional }) => (when?.(this.manifest.settings) ?? true) && !(single && optional));
  }

  // The texts of an example, such as {text, text_pair}, in the order of the task's fields.
  texts(example) {
    return this.task.fields.filter(({ name }) => name in example).map(({ name }) => example[name]);
  }

  // One run of a model -> {texts, rows, outputs}, and how long the tokenizer and the model took.
  // signal: of an AbortController, which ends the run.
  async run(model, texts, settings = this.manifest.settings, signal = null) {
    if (model.readsText && texts.length > 1) throw new Error("MediaPipe takes one text, no pair");
    const start = performance.now(), pause = pausing(signal);
    const rows = model.readsText ? [null] : this.rows(texts);
    const text = this.prompted(texts[0]);
    const between = performance.now();
    const infer = this.task.infer ?? (async (runs, row) => (await runs.model([row], text))[0]);
    const outputs = [];
    for (const row of rows) outputs.push(await infer(model.runs, row, settings, pause));
    return { texts, rows, outputs, tokenizing: between - start, running: performance.now() - between };
  }

  rows(texts) {
    const { settings } = this.manifest;
    if (this.task.rows) return this.task.rows(this.tokenizer, texts, settings);
    return [this.tokenizer.encode(this.prompted(texts[0]), texts[1] ?? null, settings.max_length)];
  }

  // The first text as the model reads it: a sentence encoder may have a prompt, which stands before every text.
  prompted(text) {
    const { prompt = "" } = this.manifest.settings;
    return prompt ? prompt + text : text;
  }

  // An example -> {label, scores, ..., tokens, cut, tokenizing, running}: cut is the number of tokens that were left out,
  // the last two are milliseconds.
  // changed: settings that the user chose otherwise. signal: see run.
  async ask(name, example, changed = {}, signal = null) {
    const model = await this.open(name), settings = { ...this.manifest.settings, ...changed };
    const runs = [];
    for (const texts of this.task.asks(this.texts(example))) runs.push(await this.run(model, texts, settings, signal));
    const sum = (read) => runs.reduce((total, run) => total + read(run), 0);
    return {
      ...this.task.decode(runs, settings),
      tokens: sum((run) => run.rows.reduce((total, row) => total + row?.input_ids.length, 0)),
      cut: sum((run) => run.rows.reduce((total, row) => total + (row?.cut ?? 0), 0)),
      tokenizing: sum((run) => run.tokenizing),
      running: sum((run) => run.running),
    };
  }

  // A file's answers to the golden texts beside the recorded ones.
  async check(name) {
    const model = await this.open(name);
    const rows = [];
    for (const recorded of this.golden) {
      const texts = this.texts(recorded.example);
      if (model.readsText && texts.length > 1) continue;
      const run = await this.run(model, texts);
      const compared = this.task.compare(run, recorded, this.manifest.settings);
      rows.push({ ...compared, text: texts[0], sameIds: sameTokens(run, recorded), running: run.running });
    }
    const times = rows.map((row) => row.running).sort((a, b) => a - b);
    return {
      file: name,
      texts: rows.length,
      sameIds: model.readsText ? null : rows.filter((row) => row.sameIds).length,
      sameAnswers: rows.filter((row) => row.same).length,
      difference: Math.max(...rows.map((row) => row.difference)),
      differing: rows.filter((row) => row.difference > 1e-3).map((row) => row.text),
      milliseconds: times[times.length >> 1],
    };
  }
}

// A function to await between steps. It lets the browser see to keys and drawing now and then, and throws if the signal
// says that the answer is no longer wanted.
function pausing(signal) {
  let last = performance.now();
  return async () => {
    if (performance.now() - last > PAUSED) {
      await new Promise((done) => setTimeout(done));
      last = performance.now();
    }
    signal?.throwIfAborted();
  };
}
const PAUSED = 20; // milliseconds between two pauses

// Whether the rows of a run have the recorded ids and, where they are recorded, the places of the tokens.
function sameTokens({ texts, rows }, recorded) {
  if (rows.length !== recorded.rows.length) return false;
  const units = texts.map((text) => unitsOf(asText(text)));
  return rows.every((row, index) => {
    const { input_ids, offsets, kept } = recorded.rows[index];
    const placed = () => offsets.map((place, token) => (row.texts[token] < 0 ? place : place.map(units[row.texts[token]])));
    return String(row?.input_ids) === String(input_ids)
      && (!offsets || String(row.offsets) === String(placed()))
      && (!kept || String(row.kept) === String(kept));
  });
}

// A function from offsets in code points, which kerasbert counts, to UTF-16 units, which JavaScript counts.
export function unitsOf(text) {
  const units = [0];
  for (const character of text) units.push(units.at(-1) + character.length);
  return (offset) => units[offset];
}

export function checkVersion({ version }) {
  if (version === VERSION) return;
  const mend = version > VERSION ? "add the page again with a newer kerasbert" : "export the bundle again";
  throw new Error(`kerasbert.json is of version ${version}, but this page reads ${VERSION}: ${mend}`);
}

// Browsers have crypto.subtle on https and on localhost only; on other pages the length must do.
export async function checkDigest(path, bytes, wanted) {
  if (!globalThis.crypto?.subtle) return;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== wanted) throw new Error(`${path}: its bytes are not the ones that were written; export or copy it again`);
}

async function get(url) {
  const found = await fetch(url, { cache: "no-cache" }); // asks the server whether it is still the one of last time
  if (!found.ok) throw new Error(`${url.pathname}: ${found.status} ${found.statusText}`);
  return found;
}
