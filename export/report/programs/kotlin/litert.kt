import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel

val rows = listOf(  // __TEXTS__
    __IDS__
)
val signature = "__SIGNATURE__"
val options = CompiledModel.Options(Accelerator.CPU)
val model = CompiledModel.create(context.assets, "__FILE__", options)

fun infer(ids: IntArray): Map<String, FloatArray> {
    require(ids.size <= __LENGTH__) { "${ids.size} tokens, not __LENGTH__ at most" }
    val values = mapOf(
        __INPUTS__
    )
    val inputs = values.mapValues { (name, row) ->
        model.createInputBuffer(name, signature).apply { writeInt(row) }
    }
    val outputs = listOf(__OUTPUTS__).associateWith { model.createOutputBuffer(it, signature) }
    model.run(inputs, outputs, signature)
    return outputs.mapValues { (_, buffer) -> buffer.readFloat() }
}
val outputs = rows.map { infer(it) }

__END__
