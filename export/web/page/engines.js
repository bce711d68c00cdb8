// The runtimes: the bytes of a part of a model file, the graphs that it computes (kerasbert.json), and the file -> for each
// graph, by name, a function from a list of rows, which are inputs by name (a number, or an array as long in every row),
// to a list of outputs by name (Float32Array); those that read the text take it as the second argument. They run on one
// thread, because browsers give more only to pages whose server sends certain headers.

const vendor = (name) => new URL(`vendor/${name}/`, import.meta.url).href;

const inTurn = (run) => async (rows, text) => {
  const found = [];
  for (const row of rows) found.push(await run(row, text));
  return found;
};

async function onnx(bytes, [graph], { precision }) {
  const ort = await import("onnxruntime-web");
  ort.env.wasm.wasmPaths = vendor("onnxruntime-web");
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  const tensor = ({ name, width }, rows) => {
    const size = rows[0][name].length; // undefined for a number
    const shape = [rows.length, ...(width ? [size / width, width] : size ? [size] : [])];
    if (!width) return new ort.Tensor("int64", BigInt64Array.from(rows.flatMap((row) => row[name]), BigInt), shape);
    const values = new Float32Array(rows.length * size);
    rows.forEach((row, place) => values.set(row[name], place * size));
    return new ort.Tensor("float32", values, shape);
  };
  const run = async (rows) => {
    const found = await session.run(Object.fromEntries(graph.inputs.map((input) => [input.name, tensor(input, rows)])));
    const part = ({ data }, place) => data.slice(...[place, place + 1].map((each) => (each * data.length) / rows.length));
    return rows.map((_, place) => Object.fromEntries(session.outputNames.map((name) => [name, part(found[name], place)])));
  };
  // A file of integers scales the numbers of a whole call together, and no row should depend on another one.
  const alone = inTurn(async (row) => (await run([row]))[0]);
  return { [graph.name]: precision.startsWith("int8") ? alone : run };
}

let liteRt; // is loaded once for the page
async function tflite(bytes, graphs) {
  const { loadLiteRt, loadAndCompile, Tensor } = await import("@litertjs/core");
  await (liteRt ??= loadLiteRt(vendor("@litertjs/core")));
  const model = await loadAndCompile(bytes, { accelerator: "wasm" });
  const ofGraph = ({ name }) => Object.entries(model.signatures)
    .filter(([key]) => graphs.length === 1 || key.replace(/_\d+$/, "") === name).map(([, signature]) => signature);
  return Object.fromEntries(graphs.map((graph) => [graph.name, running(graph, ofGraph(graph), Tensor)]));
}

// A function that runs the shortest of the signatures of a graph that holds the text.
function running(graph, signatures, Tensor) {
  const counted = graph.inputs.find(({ axis }) => axis === "token").name;
  const lengthOf = (signature) => signature.getInputDetails().find(({ name }) => name === counted).shape[1];
  const byLength = signatures.toSorted((a, b) => lengthOf(a) - lengthOf(b));
  const pads = Object.fromEntries(graph.inputs.map(({ name, pad }) => [name, pad]));
  const widths = Object.fromEntries(graph.inputs.map(({ name, width }) => [name, width]));
  return inTurn(async (inputs) => {
    const needed = inputs[counted].length;
    const signature = byLength.find((each) => lengthOf(each) >= needed);
    if (!signature) throw new Error(`the file takes ${lengthOf(byLength.at(-1))} tokens, the text has ${needed}`);
    const feeds = {};
    for (const { name, shape } of signature.getInputDetails()) {
      const size = shape.reduce((product, each) => product * each, 1);
      const padded = (widths[name] ? new Float32Array(size) : new Int32Array(size)).fill(pads[name] ?? 0);
      padded.set(typeof inputs[name] === "number" ? [inputs[name]] : inputs[name]);
      feeds[name] = new Tensor(padded, shape);
    }
    const found = await signature.run(feeds);
    const outputs = Object.fromEntries(Object.entries(found).map(([name, tensor]) => [name, tensor.toTypedArray().slice()]));
    for (const tensor of [...Object.values(feeds), ...Object.values(found)]) tensor.delete();
    return outputs;
  });
}

// MediaPipe reads the text itself, with a tokenizer of its own, and takes no pairs. It gives scores; logits that have
// these scores stand for the model's.
async function mediapipe(bytes, [graph]) {
  const [{ name, bar, width }] = graph.outputs;
  const { TextClassifier, TextEmbedder } = await import("@mediapipe/tasks-text");
  const wasm = `${vendor("@mediapipe/tasks-text")}text_wasm_internal`;
  const task = bar === "vector" ? TextEmbedder : TextClassifier;
  const model = await task.createFromModelBuffer({ wasmLoaderPath: `${wasm}.js`, wasmBinaryPath: `${wasm}.wasm` }, bytes);
  const logitOf = {
    choice: Math.log,
    choices: (score) => Math.log(score / (1 - score)),
    number: (value) => value,
  }[bar];
  const run = inTurn(async (_, text) => {
    if (task === TextEmbedder) return { [name]: model.embed(text).embeddings[0].floatEmbedding };
    const logits = new Float32Array(width);
    for (const { index, score } of model.classify(text).classifications[0].categories) logits[index] = logitOf(score);
    return { [name]: logits };
  });
  return { [graph.name]: run };
}

// Kind of file -> engine. Apps teach a trainable file, and no browser has tensorflow-text, so neither kind has a row.
const ENGINES = { onnx, tflite, mediapipe };

// Whether a file reads the text itself, and then one text alone.
export const readsText = ({ kind }) => kind === "mediapipe";

// The size of a file with all its parts.
export const bytesOf = ({ parts }) => parts.reduce((sum, { bytes }) => sum + bytes, 0);

// The files of a bundle that can run here, by name. MediaPipe has tasks with one answer per text only.
export function runnable({ files, graphs }) {
  const one = graphs.every(({ outputs }) => outputs.every(({ axis }) => axis === "row"));
  return Object.entries(files).filter(([, file]) => file.kind in ENGINES && (one || !readsText(file)));
}

// A file's graphs by name, as functions. bytes: of its parts, in turn. Outputs have the graph's names, and numbers for
// each token without those of padding.
export async function openModel(file, bytes, { graphs }) {
  const runs = {};
  for (const [place, part] of file.parts.entries()) {
    const own = graphs.filter(({ name }) => part.graphs.includes(name));
    const opened = await ENGINES[file.kind](bytes[place], own, file);
    for (const graph of own) runs[graph.name] = named(graph, opened[graph.name], file.outputs);
  }
  return runs;
}

function named({ outputs }, run, names) {
  return async (rows, text) => (await run(rows, text)).map((found, place) => {
    for (const [name, ofFile] of Object.entries(names)) found[name] = found[ofFile];
    for (const { name, axis, width } of rows[place] ? outputs : []) {
      const perToken = { token: width, position: 1 }[axis];
      if (perToken) found[name] = found[name].slice(0, rows[place].input_ids.length * perToken);
    }
    return found;
  });
}
