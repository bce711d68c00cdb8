let output = outputs[0]["__OUTPUT__"]!
print(output.reduce(0) { $0 + $1 * $1 })  // of two texts: how alike they are
