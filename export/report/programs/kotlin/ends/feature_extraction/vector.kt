val output = outputs[0].getValue("__OUTPUT__")
val vectors = output.toList().chunked(__WIDTH__).take(rows[0].size)  // one per token
println(vectors[0])
