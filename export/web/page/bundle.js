// A bundle's description, vocabulary and files, and its answers. All is read from the folder above this one.

import { BytePair } from "./bytepair.js";
import { openModel, runnable } from "./engines.js";
import { WordPiece } from "./wordpiece.js";

export async function openBundle(home = new URL("../", import.meta.url)) {
  const manifest = await (await get(new URL("kerasbert.json", home))).json();
  const golden = await (await get(new URL("golden.json", home))).json();
  const task = await import(`./tasks/${manifest.task}.js`);
  return new Bundle(home, manifest, task, await TOKENIZERS[manifest.tokenizer.kind](home, manifest.tokenizer), golden);
}

const TOKENIZERS = {
  wordpiece: async (home, { added_tokens }) => {
    const vocabulary = await (await get(new URL("vocab.txt", home))).text();
    return new WordPiece(vocabulary, await (await get(new URL("characters.json", import.meta.url))).json(), added_tokens);
  },
  bytepair: async (home) => new BytePair(await (await get(new URL("tokenizer.json", home))).json()),
};

// task: a module of tasks/, which is named as the task is in kerasbert.json, and exports
//   asks(text, pair): what the model is asked, one [text, pair] per run
//   decode(outputs of each run, settings) -> {label: the answer, scores: [[name, value, from, to], ...]}
//   compare(outputs, an example of golden.json, settings) -> {same: whether the answer is, difference: the largest one}
//   pairUse (where it is not for models of pairs): what a second text is for
class Bundle {
  constructor(home, manifest, task, tokenizer, golden) {
    Object.assign(this, { home, manifest, task, tokenizer, golden });
    this.files = runnable(manifest.files);
    this.models = new Map(); // name -> promise of a function; each file is loaded once
  }

  open(name) {
    if (!this.models.has(name)) this.models.set(name, this.#load(this.manifest.files[name]));
    return this.models.get(name);
  }

  async #load(file) {
    const { path, bytes: written } = file;
    const bytes = new Uint8Array(await (await get(new URL(path, this.home))).arrayBuffer());
    if (bytes.length !== written) throw new Error(`${path}: ${bytes.length} bytes, but ${written} were written`);
    const model = await openModel(file, bytes, this.manifest);
    await this.run(model, "", null); // the first run takes longer: the runtimes prepare their kernels then
    return model;
  }

  // One run of a model -> its outputs, the ids it was given (null if it reads the text itself), and how long both took.
  async run(model, text, pair) {
    if (model.readsText && pair !== null) throw new Error("MediaPipe takes one text, no pair");
    const start = performance.now();
    const inputs = model.readsText ? null : this.tokenizer.encode(text, pair, this.manifest.settings.max_length);
    const between = performance.now();
    const outputs = await model(inputs, text);
    return { ids: inputs?.input_ids, outputs, tokenizing: between - start, running: performance.now() - between };
  }

  // text, pair (or null) -> {label, scores, tokens, tokenizing, running}: the last two in milliseconds.
  async ask(name, text, pair) {
    const model = await this.open(name);
    const runs = [];
    for (const [first, second] of this.task.asks(text, pair)) runs.push(await this.run(model, first, second));
    const sum = (read) => runs.reduce((total, run) => total + read(run), 0);
    return {
      ...this.task.decode(runs.map((run) => run.outputs), this.manifest.settings),
      tokens: sum((run) => run.ids?.length),
      tokenizing: sum((run) => run.tokenizing),
      running: sum((run) => run.running),
    };
  }

  // A file's answers to the golden texts beside the recorded ones.
  async check(name) {
    const model = await this.open(name);
    const rows = [];
    for (const recorded of this.golden) {
      const { text, text_pair: pair = null } = recorded.example;
      if (model.readsText && pair !== null) continue;
      const { ids, outputs, running } = await this.run(model, text, pair);
      const compared = this.task.compare(outputs, recorded, this.manifest.settings);
      rows.push({ ...compared, text, sameIds: String(ids) === String(recorded.rows[0].input_ids), running });
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

async function get(url) {
  const found = await fetch(url, { cache: "no-cache" }); // asks the server whether it is still the one of last time
  if (!found.ok) throw new Error(`${url.pathname}: ${found.status} ${found.statusText}`);
  return found;
}
