import { FilesetResolver, TextEmbedder } from "@mediapipe/tasks-text";

// The runtime reports its use to odml.pa.googleapis.com, unless the page has a
// Content-Security-Policy such as "connect-src 'self'".
const wasm = await FilesetResolver.forTextTasks("node_modules/@mediapipe/tasks-text/wasm");
const embedder = await TextEmbedder.createFromModelPath(wasm, "__FILE__");
const output = embedder.embed(__TEXT__).embeddings[0].floatEmbedding;
console.log(output.reduce((sum, x) => sum + x * x, 0)); // of two texts: how alike they are
