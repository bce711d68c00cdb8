import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel

val rows = listOf(  // __TEXTS__
    __IDS__
)
val options = CompiledModel.Options(Accelerator.CPU)
val model = CompiledModel.create(context.assets, "__FILE__", options)
val tokens = context.assets.open("__VOCABULARY__").bufferedReader().readLines()

fun infer(graph: String, inputs: Map<String, Any>, vararg outputs: String): List<FloatArray> {
    val signature = "${graph}___LENGTH__"
    val given = inputs.mapValues { (name, value) ->
        model.createInputBuffer(name, signature).apply {
            if (value is IntArray) writeInt(value) else writeFloat(value as FloatArray)
        }
    }
    val found = outputs.associateWith { model.createOutputBuffer(it, signature) }
    model.run(given, found, signature)
    return outputs.map { found.getValue(it).readFloat() }.also {
        (given + found).values.forEach { buffer -> buffer.close() }  // there are many steps
    }
}
fun write(ids: IntArray): String {  // the likeliest token each time
    val source = mapOf(
        __INPUTS__
    )
    val (memory) = infer("encoder", source, "memory")
    val cache = FloatArray(__MAX_NEW_TOKENS__ * __WIDTH__)
    val text = mutableListOf(__DECODER_START_TOKEN_ID__)
    for (position in 0 until __MAX_NEW_TOKENS__) {
        val step = mapOf(
            "decoder_input_ids" to intArrayOf(text.last()),
            "decoder_position" to intArrayOf(position),
            "attention_mask" to source.getValue("attention_mask"),
            "memory" to memory,
            "cache" to cache,
        )
        val (logits, entry) = infer("decoder_step", step, "logits", "cache_entry")
        entry.copyInto(cache, position * __WIDTH__)
        text += logits.indices.maxBy { logits[it] }
        if (text.last() == __EOS_TOKEN_ID__) break
    }
    return text.map { tokens[it] }.filter { it !in setOf(__SPECIAL__) }.joinToString(" ")
        .replace(" ##", "").replace(Regex(" ([.?!,])"), "$1")
}
println(rows.joinToString(" ") { write(it) })
