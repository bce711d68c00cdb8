import { FilesetResolver, TextClassifier } from "@mediapipe/tasks-text";

// The runtime reports its use to odml.pa.googleapis.com, unless the page has a
// Content-Security-Policy such as "connect-src 'self'".
const wasm = await FilesetResolver.forTextTasks("node_modules/@mediapipe/tasks-text/wasm");
const classifier = await TextClassifier.createFromModelPath(wasm, "__FILE__");
const [best] = classifier.classify(__TEXT__).classifications[0].categories;
console.log(best.categoryName, best.score);
