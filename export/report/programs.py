"""How an app runs each kind of file: a table of short programs, a row an engine and language.

Functions are named as in LiteRT 2 (Kotlin's CompiledModel), TensorFlowLiteSwift 2.17 (SignatureRunner), MediaPipe's
Tasks, onnxruntime-web and @huggingface/tokenizers. `kerasbert.export.report.snippets` fills the templates in.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Snippet:
    """A program.

    Attributes:
        language: "python", "kotlin", "swift" or "javascript". title: what runs the file. install: how to get that.
        needs: the kind of file that it opens, "tflite", "mediapipe" (one that has its vocabulary inside), "trainable"
            (one whose head learns), "text" (a `.tflite` that takes a text), "onnx", "saved_model", or "" for any that
            our runtime takes.
        task: it is for; "" for all.
        code: a template (`string.Template`).
    """

    language: str
    title: str
    install: str
    needs: str
    code: str
    task: str = ""


ENDS = {
    "single_label_classification": {
        "python": "labels = [$labels]\nprint(labels[output.argmax()])",
        "kotlin": "val labels = listOf($labels_kotlin)\nprintln(labels[output.indices.maxBy { output[it] }])",
        "swift": "let labels = [$labels]\nprint(labels[output.indices.max { output[$$0] < output[$$1] }!])",
        "javascript": "const labels = [$labels];\nconsole.log(labels[output.indexOf(Math.max(...output))]);",
    },
    "multi_label_classification": {
        "python": "labels = [$labels]\nprint([label for label, logit in zip(labels, output) if logit > 0])",
        "kotlin": "val labels = listOf($labels_kotlin)\nprintln(labels.filterIndexed { at, _ -> output[at] > 0 })",
        "swift": "let labels = [$labels]\nprint(zip(labels, output).filter { $$0.1 > 0 }.map { $$0.0 })",
        "javascript": "const labels = [$labels];\nconsole.log(labels.filter((_, index) => output[index] > 0));",
    },
    "regression": {
        "python": "print(output[0])",
        "kotlin": "println(output[0])",
        "swift": "print(output[0])",
        "javascript": "console.log(output[0]);",
    },
    "embedding": {
        "python": "print(output @ output)  # of two texts: how alike they are",
        "kotlin": "println(output.sumOf { it.toDouble() * it })  // of two texts: how alike they are",
        "swift": "print(output.reduce(0) { $$0 + $$1 * $$1 })  // of two texts: how alike they are",
        "javascript": "console.log(output.reduce((sum, x) => sum + x * x, 0)); // of two texts: how alike they are",
    },
    "feature_extraction": {
        "python": "vectors = output[: sum(encoding.attention_mask)]  # one a token\nprint(vectors)",
        "kotlin": "val vectors = output.toList().chunked(output.size / $length).take(ids.size)  // one a token\n"
        "println(vectors[0])",
        "swift": "let width = output.count / $length\n"
        "let vectors = ids.indices.map { output[$$0 * width ..< ($$0 + 1) * width] }  // one a token\n"
        "print(Array(vectors[0]))",
        "javascript": "const width = output.length / ids.length;\n"
        "const vectors = ids.map((_, at) => output.slice(at * width, (at + 1) * width)); // one a token\n"
        "console.log(vectors[0]);",
    },
}
"""Problem type -> language -> from the model's output to what is printed."""

LABELS = {
    "single_label_classification": {
        "python": 'np.array([0], "int32")  # the first label',
        "kotlin": "intArrayOf(0)  // the first label",
    },
    "multi_label_classification": {
        "python": 'np.eye(1, $count, dtype="float32")  # the first label and no other',
        "kotlin": "arrayOf(FloatArray($count) { if (it == 0) 1f else 0f })  // the first label and no other",
    },
    "regression": {
        "python": 'np.array([[1.0]], "float32")',
        "kotlin": "arrayOf(floatArrayOf(1f))",
    },
}
"""Problem type -> language -> what a text is to be taught."""

PROGRAMS = (
    Snippet(
        language="python",
        title="kerasbert.runtime",
        install="pip install kerasbert",
        needs="",
        code="""
from kerasbert.runtime import load

answer = load(".")  # this folder
print(answer($sentence))
""",
    ),
    Snippet(
        language="python",
        title="LiteRT",
        install="pip install ai-edge-litert tokenizers numpy",
        needs="tflite",
        code="""
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from tokenizers import Tokenizer

signatures = $signatures
tokenizer = Tokenizer.from_file("tokenizer.json")
tokenizer.enable_truncation($max_length)
interpreter = Interpreter("$file")

encoding = tokenizer.encode($sentence)
length = min(n for n in signatures if n >= len(encoding.ids))
encoding.pad(length, pad_id=$pad_id)
inputs = {
$inputs_python
}
inputs = {name: np.array([row], "int32") for name, row in inputs.items()}
output = interpreter.get_signature_runner(signatures[length])(**inputs)["$output"][0]
$end_python
""",
    ),
    Snippet(
        language="python",
        title="ONNX Runtime",
        install="pip install onnxruntime tokenizers numpy",
        needs="onnx",
        code="""
import numpy as np
import onnxruntime
from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file("tokenizer.json")
tokenizer.enable_truncation($max_length)
session = onnxruntime.InferenceSession("$file")

encoding = tokenizer.encode($sentence)
inputs = {
$inputs_python
}
inputs = {name: np.array([row], "int64") for name, row in inputs.items()}
output = session.run(["$output"], inputs)[0][0]
$end_python
""",
    ),
    Snippet(
        language="python",
        title="LiteRT, learning",
        install="pip install ai-edge-litert tokenizers numpy",
        needs="trainable",
        code="""
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file("tokenizer.json")
tokenizer.enable_truncation($max_length)
tokenizer.enable_padding(length=$max_length, pad_id=$pad_id)
interpreter = Interpreter("$file")
infer, train, save, load = map(
    interpreter.get_signature_runner, ("infer", "train", "save", "load")
)

encoding = tokenizer.encode($sentence)
text = {
$inputs_python
}
text = {name: np.array([row], "int32") for name, row in text.items()}
label = $label_python
print(infer(**text)["scores"])
for _ in range(5):
    print(train(**text, label=label, learning_rate=np.float32(0.02))["loss"])
print(infer(**text)["scores"])

np.savez("head.npz", **save(nothing=np.int32([0])))  # and in the next session:
load(**np.load("head.npz"))
""",
    ),
    Snippet(
        language="python",
        title="TensorFlow",
        install="pip install tensorflow tensorflow-text",
        needs="saved_model",
        code="""
import tensorflow as tf
import tensorflow_text  # registers the operations of the tokenizer

model = tf.saved_model.load("$file").signatures["serving_default"]
print(model(text=tf.constant([$sentence]))["$output"].numpy())
""",
    ),
    Snippet(
        language="python",
        title="LiteRT and tensorflow-text",
        install="pip install ai-edge-litert tensorflow-text",
        needs="text",
        code="""
import numpy as np
from ai_edge_litert.interpreter import InterpreterWithCustomOps
from tensorflow_text.core.pybinds.tflite_registrar import SELECT_TFTEXT_OPS

interpreter = InterpreterWithCustomOps(SELECT_TFTEXT_OPS, model_path="$file")
answer = interpreter.get_signature_runner()
print(answer(text=np.array([$sentence.encode()], dtype=object))["$output"])
""",
    ),
    Snippet(
        language="python",
        title="MediaPipe",
        install="pip install mediapipe",
        needs="mediapipe",
        task="text_classifier",
        code="""
from mediapipe.tasks.python.text import TextClassifier

with TextClassifier.create_from_model_path("$file") as classifier:
    best = classifier.classify($sentence).classifications[0].categories[0]
print(best.category_name, best.score)
""",
    ),
    Snippet(
        language="python",
        title="MediaPipe",
        install="pip install mediapipe",
        needs="mediapipe",
        task="sentence_encoder",
        code="""
from mediapipe.tasks.python.text import TextEmbedder

with TextEmbedder.create_from_model_path("$file") as embedder:
    embedding = embedder.embed($sentence).embeddings[0].embedding
print(embedding @ embedding)  # of two texts: how alike they are
""",
    ),
    Snippet(
        language="kotlin",
        title="MediaPipe",
        install='implementation("com.google.mediapipe:tasks-text:latest.release")',
        needs="mediapipe",
        task="text_classifier",
        code="""
import com.google.mediapipe.tasks.text.textclassifier.TextClassifier

val classifier = TextClassifier.createFromFile(context, "$file")  // in assets/
val result = classifier.classify($sentence).classificationResult()
val best = result.classifications().first().categories().first()
println(best.categoryName() + " " + best.score())
""",
    ),
    Snippet(
        language="kotlin",
        title="MediaPipe",
        install='implementation("com.google.mediapipe:tasks-text:latest.release")',
        needs="mediapipe",
        task="sentence_encoder",
        code="""
import com.google.mediapipe.tasks.text.textembedder.TextEmbedder

val embedder = TextEmbedder.createFromFile(context, "$file")  // in assets/
val output = embedder.embed($sentence).embeddingResult().embeddings().first().floatEmbedding()
$end_kotlin
""",
    ),
    Snippet(
        language="kotlin",
        title="LiteRT",
        install='implementation("com.google.ai.edge.litert:litert:2.1.0")',
        needs="tflite",
        code="""
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel

val ids = intArrayOf($ids)  // $sentence
val signature = "$signature"
val options = CompiledModel.Options(Accelerator.CPU)
val model = CompiledModel.create(context.assets, "$file", options)
val rows = mapOf(
$inputs_kotlin
)
val inputs = rows.mapValues { (name, row) ->
    model.createInputBuffer(name, signature).apply { writeInt(row) }
}
val buffer = model.createOutputBuffer("$output", signature)
model.run(inputs, mapOf("$output" to buffer), signature)
val output = buffer.readFloat()
$end_kotlin
""",
    ),
    Snippet(
        language="kotlin",
        title="LiteRT, learning",
        install='implementation("com.google.ai.edge.litert:litert:1.4.0")',
        needs="trainable",
        code="""
import java.io.File
import org.tensorflow.lite.Interpreter

fun padded(value: (Int) -> Int) = arrayOf(IntArray($max_length) { value(it) })

val file = File(context.filesDir, "$file")  // copied there from the app's assets
val interpreter = Interpreter(file)
val ids = intArrayOf($ids)  // $sentence
val text = mapOf<String, Any>(
$inputs_learning
)
val label = $label_kotlin

val loss = FloatArray(1)
val lesson = text + mapOf("label" to label, "learning_rate" to 0.02f)
repeat(5) { interpreter.runSignature(lesson, mapOf<String, Any>("loss" to loss), "train") }
val scores = arrayOf(FloatArray($count))
interpreter.runSignature(text, mapOf<String, Any>("scores" to scores), "infer")

// What was learned, to be kept in a file of the app, and in the next session:
val width = interpreter.getOutputTensorFromSignature("kernel", "save").shape()[0]
val kernel = Array(width) { FloatArray($count) }
val bias = FloatArray($count)
val learned = mapOf<String, Any>("kernel" to kernel, "bias" to bias)
interpreter.runSignature(mapOf<String, Any>("nothing" to IntArray(1)), learned, "save")
val loaded = mapOf<String, Any>("bias" to FloatArray($count))
interpreter.runSignature(learned, loaded, "load")
""",
    ),
    Snippet(
        language="swift",
        title="MediaPipe",
        install="pod 'MediaPipeTasksText'",
        needs="mediapipe",
        task="text_classifier",
        code="""
import MediaPipeTasksText

let path = Bundle.main.path(forResource: "$stem", ofType: "tflite")!
let classifier = try TextClassifier(modelPath: path)
let result = try classifier.classify(text: $sentence).classificationResult
if let best = result.classifications.first?.categories.first {
    print(best.categoryName ?? "", best.score)
}
""",
    ),
    Snippet(
        language="swift",
        title="MediaPipe",
        install="pod 'MediaPipeTasksText'",
        needs="mediapipe",
        task="sentence_encoder",
        code="""
import MediaPipeTasksText

let path = Bundle.main.path(forResource: "$stem", ofType: "tflite")!
let embedder = try TextEmbedder(modelPath: path)
let embeddings = try embedder.embed(text: $sentence).embeddingResult.embeddings
let output = embeddings[0].floatEmbedding!.map { $$0.floatValue }
$end_swift
""",
    ),
    Snippet(
        language="swift",
        title="LiteRT",
        install="pod 'TensorFlowLiteSwift'",
        needs="tflite",
        code="""
import Foundation
import TensorFlowLite

func padded(_ values: [Int32], with pad: Int32) -> Data {
    let row = values + Array(repeating: pad, count: $length - values.count)
    return row.withUnsafeBufferPointer { Data(buffer: $$0) }
}

let ids: [Int32] = [$ids]  // $sentence
let path = Bundle.main.path(forResource: "$stem", ofType: "tflite")!
let interpreter = try Interpreter(modelPath: path)
let model = try interpreter.signatureRunner(with: "$signature")
try model.invoke(with: [
$inputs_swift
])
let bytes = try model.output(named: "$output").data
let output = bytes.withUnsafeBytes { Array($$0.bindMemory(to: Float32.self)) }
$end_swift
""",
    ),
    Snippet(
        language="javascript",
        title="MediaPipe",
        install="npm install @mediapipe/tasks-text",
        needs="mediapipe",
        task="text_classifier",
        code="""
import { FilesetResolver, TextClassifier } from "@mediapipe/tasks-text";

const wasm = await FilesetResolver.forTextTasks("node_modules/@mediapipe/tasks-text/wasm");
const classifier = await TextClassifier.createFromModelPath(wasm, "$file");
const [best] = classifier.classify($sentence).classifications[0].categories;
console.log(best.categoryName, best.score);
""",
    ),
    Snippet(
        language="javascript",
        title="MediaPipe",
        install="npm install @mediapipe/tasks-text",
        needs="mediapipe",
        task="sentence_encoder",
        code="""
import { FilesetResolver, TextEmbedder } from "@mediapipe/tasks-text";

const wasm = await FilesetResolver.forTextTasks("node_modules/@mediapipe/tasks-text/wasm");
const embedder = await TextEmbedder.createFromModelPath(wasm, "$file");
const output = embedder.embed($sentence).embeddings[0].floatEmbedding;
$end_javascript
""",
    ),
    Snippet(
        language="javascript",
        title="ONNX Runtime Web",
        install="npm install onnxruntime-web @huggingface/tokenizers",
        needs="onnx",
        code="""
import * as ort from "onnxruntime-web";
import { Tokenizer } from "@huggingface/tokenizers";

const json = async (path) => (await fetch(path)).json();
const config = await json("tokenizer_config.json");
const tokenizer = new Tokenizer(await json("tokenizer.json"), config);
const session = await ort.InferenceSession.create("$file");

// At most $max_length tokens: cut a longer text before.
const { ids, attention_mask, token_type_ids } =
  tokenizer.encode($sentence, { return_token_type_ids: true });
const tensor = (row) =>
  new ort.Tensor("int64", BigInt64Array.from(row, BigInt), [1, row.length]);
const outputs = await session.run({
$inputs_javascript
});
const output = Array.from(outputs.$output.data);
$end_javascript
""",
    ),
)
"""The table of programs; a row is added for a new engine."""
