let output = outputs[0]["__OUTPUT__"]!
let vectors = rows[0].indices.map { output[$0 * __WIDTH__ ..< ($0 + 1) * __WIDTH__] }
print(Array(vectors[0]))  // one per token
