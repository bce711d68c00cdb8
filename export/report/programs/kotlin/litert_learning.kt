import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel

val options = CompiledModel.Options(Accelerator.CPU)
val model = CompiledModel.create(context.assets, "__FILE__", options)

// The signatures share what was learned. IntArray and FloatArray in, FloatArray out.
fun call(
    signature: String, given: Map<String, Any>, vararg names: String,
): Map<String, FloatArray> {
    val inputs = given.mapValues { (name, values) ->
        model.createInputBuffer(name, signature).apply {
            if (values is IntArray) writeInt(values) else writeFloat(values as FloatArray)
        }
    }
    val outputs = names.associateWith { model.createOutputBuffer(it, signature) }
    model.run(inputs, outputs, signature)
    return outputs.mapValues { (_, buffer) -> buffer.readFloat() }
}

val ids = __IDS__  // __TEXT__
val text = mapOf<String, Any>(
    __INPUTS__
)
val label = __LABEL__

val lesson = text + mapOf("label" to label, "learning_rate" to floatArrayOf(0.02f))
repeat(5) { println(call("train", lesson, "loss").getValue("loss")[0]) }
println(call("infer", text, "logits", "scores").getValue("scores").toList())

// What was learned, to be kept in a file of the app, and in the next session:
val learned = call("save", mapOf("nothing" to intArrayOf(0)), "kernel", "bias")
call("load", learned, "bias")
