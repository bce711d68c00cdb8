// The runtimes: a model file's bytes, and the graph that it computes (kerasbert.json) -> a function from inputs by name
// (arrays of numbers) to outputs by name (Float32Array), for one text; those that read the text take it instead. They
// run on one thread, because browsers give more only to pages whose server sends certain headers.

const vendor = (name) => new URL(`vendor/${name}/`, import.meta.url).href;

async function onnx(bytes) {
  const ort = await import("onnxruntime-web");
  ort.env.wasm.wasmPaths = vendor("onnxruntime-web");
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  return async (inputs) => {
    const feeds = {};
    for (const name of session.inputNames)
      feeds[name] = new ort.Tensor("int64", BigInt64Array.from(inputs[name], BigInt), [1, inputs[name].length]);
    const found = await session.run(feeds);
    return Object.fromEntries(session.outputNames.map((name) => [name, found[name].data]));
  };
}

let liteRt; // is loaded once for the page
async function tflite(bytes, graph) {
  const { loadLiteRt, loadAndCompile, Tensor } = await import("@litertjs/core");
  await (liteRt ??= loadLiteRt(vendor("@litertjs/core")));
  const model = await loadAndCompile(bytes, { accelerator: "wasm" });
  const pads = Object.fromEntries(graph.inputs.map(({ name, pad }) => [name, pad]));
  const lengthOf = (signature) => signature.getInputDetails().find(({ name }) => name === "input_ids").shape[1];
  const signatures = Object.values(model.signatures).sort((a, b) => lengthOf(a) - lengthOf(b));
  return async (inputs) => {
    const needed = inputs.input_ids.length;
    const signature = signatures.find((each) => lengthOf(each) >= needed); // the shortest that fits
    if (!signature) throw new Error(`the file takes ${lengthOf(signatures.at(-1))} tokens, the text has ${needed}`);
    const feeds = {};
    for (const { name, shape } of signature.getInputDetails()) {
      const padded = new Int32Array(shape[1]).fill(pads[name] ?? 0);
      padded.set(inputs[name]);
      feeds[name] = new Tensor(padded, [1, shape[1]]);
    }
    const found = await signature.run(feeds);
    const outputs = Object.fromEntries(Object.entries(found).map(([name, tensor]) => [name, tensor.toTypedArray().slice()]));
    for (const tensor of [...Object.values(feeds), ...Object.values(found)]) tensor.delete();
    return outputs;
  };
}

// MediaPipe reads the text itself, with a tokenizer of its own, and takes no pairs. It gives scores; logits that have
// these scores stand for the model's.
async function mediapipe(bytes, { outputs: [{ name, bar, width }] }) {
  const { TextClassifier, TextEmbedder } = await import("@mediapipe/tasks-text");
  const wasm = `${vendor("@mediapipe/tasks-text")}text_wasm_internal`;
  const task = bar === "vector" ? TextEmbedder : TextClassifier;
  const model = await task.createFromModelBuffer({ wasmLoaderPath: `${wasm}.js`, wasmBinaryPath: `${wasm}.wasm` }, bytes);
  const logitOf = {
    choice: Math.log,
    choices: (score) => Math.log(score / (1 - score)),
    number: (value) => value,
  }[bar];
  return async (_, text) => {
    if (task === TextEmbedder) return { [name]: model.embed(text).embeddings[0].floatEmbedding };
    const logits = new Float32Array(width);
    for (const { index, score } of model.classify(text).classifications[0].categories) logits[index] = logitOf(score);
    return { [name]: logits };
  };
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

export async function openModel(file, bytes, { graphs }) {
  const run = await ENGINES[file.kind](bytes, graphs.find(({ name }) => file.parts[0].graphs.includes(name)));
  return async (...given) => {
    const found = await run(...given);
    for (const [name, ofFile] of Object.entries(file.outputs)) found[name] = found[ofFile];
    return found;
  };
}
