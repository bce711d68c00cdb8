import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel

val ids = intArrayOf(__IDS__)  // __TEXT__
val signature = "__SIGNATURE__"
val options = CompiledModel.Options(Accelerator.CPU)
val model = CompiledModel.create(context.assets, "__FILE__", options)
val rows = mapOf(
__INPUTS__
)
val inputs = rows.mapValues { (name, row) ->
    model.createInputBuffer(name, signature).apply { writeInt(row) }
}
val buffer = model.createOutputBuffer("__OUTPUT__", signature)
model.run(inputs, mapOf("__OUTPUT__" to buffer), signature)
val output = buffer.readFloat()
__END__
