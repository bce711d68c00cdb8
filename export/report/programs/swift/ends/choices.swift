let output = outputs[0]["__OUTPUT__"]!
let labels = [__LABELS__]
print(zip(labels, output).filter { $0.1 > 0 }.map { $0.0 })
