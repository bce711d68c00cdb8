let output = outputs[0]["__OUTPUT__"]!
let ids = rows[0]
let text = __TEXT__
let starts = [__STARTS__]  // the tokens' places in code points,
let ends = [__ENDS__]  // which a tokenizer gives beside the ids
let words = [__WORDS__]  // -1: no word of the text
let labels = [__LABELS__]
let strategy = __AGGREGATION__

let scores: [[Float]] = ids.indices.map { token in
    let logits = output[token * labels.count ..< (token + 1) * labels.count]
    let powers = logits.map { exp($0 - logits.max()!) }
    return powers.map { $0 / powers.reduce(0, +) }
}
var parts: [[Int]] = []
for token in ids.indices where words[token] >= 0 {
    let joins = ["first", "average", "max"].contains(strategy)
    if joins, let last = parts.last, words[last[0]] == words[token] {
        parts[parts.count - 1].append(token)
    } else {
        parts.append([token])
    }
}
func scoresOf(_ part: [Int]) -> [Float] {
    switch strategy {
    case "average":
        return labels.indices.map { label in
            part.reduce(0) { $0 + scores[$1][label] } / Float(part.count)
        }
    case "max": return scores[part.max { scores[$0].max()! < scores[$1].max()! }!]
    default: return scores[part[0]]
    }
}
var groups: [(label: String, scores: [Float], start: Int, end: Int)] = []
for part in parts {
    let best = scoresOf(part)
    let label = labels[best.firstIndex(of: best.max()!)!]
    let marked = label.dropFirst().first == "-" && "BIESLU".contains(label.first!)
    let split = strategy != "none" && marked
    let kind = split ? String(label.dropFirst(2)) : label
    let begins = strategy == "none" || (split && "BSU".contains(label.first!))
    if begins || groups.last?.label != kind {
        groups.append((kind, [], starts[part[0]], 0))
    }
    groups[groups.count - 1].scores.append(best.max()!)
    groups[groups.count - 1].end = ends[part[part.count - 1]]
}
let scalars = text.unicodeScalars  // code points
for group in groups where group.label != "O" {
    let start = scalars.index(scalars.startIndex, offsetBy: group.start)
    let end = scalars.index(scalars.startIndex, offsetBy: group.end)
    print(group.label, group.scores.reduce(0, +) / Float(group.scores.count), text[start..<end])
}
