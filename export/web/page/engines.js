// The runtimes: the bytes of a part of a model file, and the graphs that it computes (kerasbert.json) -> for each graph, by
// name, a function from inputs by name (arrays of numbers) to outputs by name (Float32Array), for one text; those that
// read the text take it instead. They run on one thread, because browsers give more only to pages whose server sends
// certain headers.

const vendor = (name) => new URL(`vendor/${name}/`, import.meta.url).href;

// One number per row has one axis; vectors have a third one.
const shapeOf = ({ axis, width }, { length }) => (axis === "row" ? [1] : width ? [1, length / width, width] : [1, length]);

async function onnx(bytes, [graph]) {
  const ort = await import("onnxruntime-web");
  ort.env.wasm.wasmPaths = vendor("onnxruntime-web");
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  const tensor = (input, values) => (input.width
    ? new ort.Tensor("float32", values, shapeOf(input, values))
    : new ort.Tensor("int64", BigInt64Array.from(values, BigInt), shapeOf(input, values)));
  const run = async (inputs) => {
    const feeds = Object.fromEntries(graph.inputs.map((input) => [input.name, tensor(input, inputs[input.name])]));
    const found = await session.run(feeds);
    return Object.fromEntries(session.outputNames.map((name) => [name, found[name].data]));
  };
  return { [graph.name]: run };
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
  return async (inputs) => {
    const needed = inputs[counted].length;
    const signature = byLength.find((each) => lengthOf(each) >= needed);
    if (!signature) throw new Error(`the file takes ${lengthOf(byLength.at(-1))} tokens, the text has ${needed}`);
    const feeds = {};
    for (const { name, shape } of signature.getInputDetails()) {
      const size = shape.reduce((product, each) => product * each, 1);
      const padded = (widths[name] ? new Float32Array(size) : new Int32Array(size)).fill(pads[name] ?? 0);
      padded.set(inputs[name]);
      feeds[name] = new Tensor(padded, shape);
    }
    const found = await signature.run(feeds);
    const outputs = Object.fromEntries(Object.entries(found).map(([name, tensor]) => [name, tensor.toTypedArray().slice()]));
    for (const tensor of [...Object.values(feeds), ...Object.values(found)]) tensor.delete();
    return outputs;
  };
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
  const run = async (_, text) => {
    if (task === TextEmbedder) return { [name]: model.embed(text).embeddings[0].floatEmbedding };
    const logits = new Float32Array(width);
    for (const { index, score } of model.classify(text).classifications[0].categories) logits[index] = logitOf(score);
    return { [name]: logits };
  };
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
    const opened = await ENGINES[file.kind](bytes[place], own);
    for (const graph of own) runs[graph.name] = named(graph, opened[graph.name], file.outputs);
  }
  return runs;
}

function named({ outputs }, run, names) {
  return async (row, text) => {
    const found = await run(row, text);
    for (const [name, ofFile] of Object.entries(names)) found[name] = found[ofFile];
    for (const { name, axis, width } of row ? outputs : []) {
      const perToken = { token: width, position: 1 }[axis];
      if (perToken) found[name] = found[name].slice(0, row.input_ids.length * perToken);
    }
    return found;
  };
}
