// One window: a longer context has more, and each token is answered where it has most context.
val text = __CONTEXT__
val starts = intArrayOf(__STARTS__)  // the tokens' places in code points,
val ends = intArrayOf(__ENDS__)  // which a tokenizer gives beside the ids
val words = intArrayOf(__WORDS__)  // -1: [CLS] or [SEP], which stand around both texts
val startLogits = outputs[0].getValue("start_logits")
val endLogits = outputs[0].getValue("end_logits")

val special = words.indices.filter { words[it] < 0 }
val tokens = special[special.size - 2] + 1 until special.last()  // of the context
class Answer(val score: Float, val start: Int, val end: Int, val text: String)
fun best(logits: FloatArray, among: Iterable<Int>, most: Int) =
    among.sortedByDescending { logits[it] }.take(most)
fun answers(among: Iterable<Int>, most: Int) = best(startLogits, among, most).flatMap { first ->
    val longest = first until first + __MAX_ANSWER_LENGTH__
    best(endLogits, among, most).filter { first in tokens && it in tokens && it in longest }
        .map { last ->
            val start = starts[tokens.first { words[it] == words[first] }]  // whole words
            val end = ends[tokens.last { words[it] == words[last] }]
            val from = text.offsetByCodePoints(0, start)  // UTF-16 units, which Kotlin counts
            val to = text.offsetByCodePoints(from, end - start)
            Answer(startLogits[first] + endLogits[last], start, end, text.substring(from, to))
        }
}
val some = answers(words.indices, 20).ifEmpty { answers(tokens, words.size) }
val sorted = some.sortedByDescending { it.score }
var found = sorted.distinctBy { it.text }.take(20)
if (__HANDLE_IMPOSSIBLE_ANSWER__) {  // whether "" may be the answer
    val none = Answer(startLogits[0] + endLogits[0], 0, 0, "")
    val impossible = none.score - found[0].score > __NULL_SCORE_DIFF_THRESHOLD__
    found = (found + none).sortedByDescending { it.score }
        .filterIndexed { at, answer -> at < 20 || answer === none }
        .sortedBy { it.text.isEmpty() != impossible }
}
val powers = found.map { Math.exp((it.score - found[0].score).toDouble()) }
for ((answer, power) in found.zip(powers).take(__TOP_K__)) {
    println("${answer.text} ${power / powers.sum()} ${answer.start} ${answer.end}")
}
