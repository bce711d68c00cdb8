let width = output.count / __LENGTH__
let vectors = ids.indices.map { output[$0 * width ..< ($0 + 1) * width] }  // one per token
print(Array(vectors[0]))
