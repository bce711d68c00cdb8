// One window: a longer context has more, and each token is answered where it has most context.
let text = __CONTEXT__
let starts = [__STARTS__]  // the tokens' places in code points,
let ends = [__ENDS__]  // which a tokenizer gives beside the ids
let words = [__WORDS__]  // -1: [CLS] or [SEP], which stand around both texts
let startLogits = outputs[0]["start_logits"]!
let endLogits = outputs[0]["end_logits"]!

let special = words.indices.filter { words[$0] < 0 }
let tokens = special[special.count - 2] + 1 ..< special[special.count - 1]  // of the context
let scalars = text.unicodeScalars  // code points
func best(_ logits: [Float], among: [Int], most: Int) -> ArraySlice<Int> {
    among.sorted { (-logits[$0], $0) < (-logits[$1], $1) }.prefix(most)
}
typealias Answer = (score: Float, start: Int, end: Int, text: String)
func answers(among: [Int], most: Int) -> [Answer] {
    var found: [Answer] = []
    for first in best(startLogits, among: among, most: most) where tokens.contains(first) {
        for last in best(endLogits, among: among, most: most)
        where tokens.contains(last) && (0 ..< __MAX_ANSWER_LENGTH__).contains(last - first) {
            let start = starts[tokens.first { words[$0] == words[first] }!]  // whole words
            let end = ends[tokens.last { words[$0] == words[last] }!]
            let from = scalars.index(scalars.startIndex, offsetBy: start)
            let to = scalars.index(scalars.startIndex, offsetBy: end)
            let score = startLogits[first] + endLogits[last]
            found.append((score, start, end, String(text[from..<to])))
        }
    }
    return found.sorted { $0.score > $1.score }
}
let every = answers(among: Array(words.indices), most: 20)
var seen: Set<String> = []
var found = Array(
    (every.isEmpty ? answers(among: Array(tokens), most: words.count) : every)
        .filter { seen.insert($0.text).inserted }.prefix(20))
if __HANDLE_IMPOSSIBLE_ANSWER__ {  // whether "" may be the answer
    let none: Answer = (startLogits[0] + endLogits[0], 0, 0, "")
    let impossible = none.score - found[0].score > __NULL_SCORE_DIFF_THRESHOLD__
    found = (found + [none]).sorted { $0.score > $1.score }
    found = found.enumerated().filter { $0 < 20 || $1.text.isEmpty }.map { $1 }
    found = [impossible, !impossible].flatMap { first in
        found.filter { $0.text.isEmpty == first }
    }
}
let powers = found.map { exp($0.score - found[0].score) }
for (answer, power) in zip(found, powers).prefix(__TOP_K__) {
    print(answer.text, power / powers.reduce(0, +), answer.start, answer.end)
}
