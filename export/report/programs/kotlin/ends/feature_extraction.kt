val vectors = output.toList().chunked(output.size / __LENGTH__).take(ids.size)  // one a token
println(vectors[0])
