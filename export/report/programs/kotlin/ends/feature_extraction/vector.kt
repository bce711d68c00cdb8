val vectors = output.toList().chunked(output.size / __LENGTH__).take(ids.size)  // one per token
println(vectors[0])
