import java.io.File
import org.tensorflow.lite.Interpreter

fun padded(value: (Int) -> Int) = arrayOf(IntArray(__MAX_LENGTH__) { value(it) })

val file = File(context.filesDir, "__FILE__")  // copied there from the app's assets
val interpreter = Interpreter(file)
val ids = intArrayOf(__IDS__)  // __TEXT__
val text = mapOf<String, Any>(
__INPUTS__
)
val label = __LABEL__

val loss = FloatArray(1)
val lesson = text + mapOf("label" to label, "learning_rate" to 0.02f)
repeat(5) { interpreter.runSignature(lesson, mapOf<String, Any>("loss" to loss), "train") }
val scores = arrayOf(FloatArray(__COUNT__))
interpreter.runSignature(text, mapOf<String, Any>("scores" to scores), "infer")

// What was learned, to be kept in a file of the app, and in the next session:
val width = interpreter.getOutputTensorFromSignature("kernel", "save").shape()[0]
val kernel = Array(width) { FloatArray(__COUNT__) }
val bias = FloatArray(__COUNT__)
val learned = mapOf<String, Any>("kernel" to kernel, "bias" to bias)
interpreter.runSignature(mapOf<String, Any>("nothing" to IntArray(1)), learned, "save")
val loaded = mapOf<String, Any>("bias" to FloatArray(__COUNT__))
interpreter.runSignature(learned, loaded, "load")
