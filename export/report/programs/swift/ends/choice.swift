let output = outputs[0]["__OUTPUT__"]!
let labels = [__LABELS__]
print(labels[output.indices.max { output[$0] < output[$1] }!])
