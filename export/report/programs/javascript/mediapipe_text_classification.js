import { FilesetResolver, TextClassifier } from "@mediapipe/tasks-text";

const wasm = await FilesetResolver.forTextTasks("node_modules/@mediapipe/tasks-text/wasm");
const classifier = await TextClassifier.createFromModelPath(wasm, "__FILE__");
const [best] = classifier.classify(__TEXT__).classifications[0].categories;
console.log(best.categoryName, best.score);
