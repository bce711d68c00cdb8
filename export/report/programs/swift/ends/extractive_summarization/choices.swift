// One row of whole sentences, at most __MAX_LENGTH__ tokens. A longer text has several rows,
// which the Python program and web/tasks/extractive-summarization.js make.
let sentences = [__SENTENCES__]
let logits = outputs[0]["__OUTPUT__"]!
let firsts = rows[0].indices.filter { rows[0][$0] == __CLS_ID__ }  // where sentences begin
let isWhole = rows.count == 1 && firsts.count == sentences.count
precondition(isWhole, "one row must hold all sentences")
let scores = zip(firsts, firsts.dropFirst() + [rows[0].count]).map { first, end in
    1 / (1 + exp(-logits[first..<end].reduce(0, +) / Float(end - first)))  // of all tokens
}
var chosen: [Int] = []
var seen: Set<[String]> = []
for number in scores.indices.sorted(by: { (scores[$0], -$0) > (scores[$1], -$1) }) {
    let words = sentences[number].lowercased()  // of Chinese, take characters
        .split { !$0.isLetter && !$0.isNumber }.map(String.init)
    let trigrams = Set(words.indices.dropLast(2).map { Array(words[$0..<$0 + 3]) })
    if chosen.count < __TOP_K__ && !(__TRIGRAM_BLOCKING__ && !seen.isDisjoint(with: trigrams)) {
        chosen.append(number)
        seen.formUnion(trigrams)
    }
}
for number in chosen.sorted() {
    print(scores[number], sentences[number])
}
