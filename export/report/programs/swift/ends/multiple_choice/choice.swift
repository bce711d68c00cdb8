let choices = [__CHOICES__]
let logits = outputs.map { $0["__OUTPUT__"]![0] }
let powers = logits.map { exp($0 - logits.max()!) }
let best = logits.indices.max { logits[$0] < logits[$1] }!
print(best, choices[best], powers[best] / powers.reduce(0, +))
