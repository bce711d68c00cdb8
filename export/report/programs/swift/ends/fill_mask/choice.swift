let logits = outputs[0]["__OUTPUT__"]!
let highest = logits.max()!
let powers = logits.map { exp($0 - highest) }
let sum = powers.reduce(0, +)
let file = Bundle.main.path(forResource: "vocab", ofType: "txt")!  // __VOCABULARY__
let tokens = try String(contentsOfFile: file, encoding: .utf8).components(separatedBy: "\n")
let words: [String] = [__TARGETS__]  // to choose among; none: all of the vocabulary
let wanted = words.isEmpty ? Array(logits.indices) : words.map { tokens.firstIndex(of: $0)! }
for token in wanted.sorted(by: { logits[$0] > logits[$1] }).prefix(__TOP_K__) {
    let word = tokens[token]
    let sequence = __TEXT__.replacingOccurrences(of: "__MASK__", with: word)
        .replacingOccurrences(of: " ##", with: "")  // ## goes on with a word
    print(word, powers[token] / sum, sequence)
}
