val output = outputs[0].getValue("__OUTPUT__")
val ids = rows[0]
val text = __TEXT__
val starts = intArrayOf(__STARTS__)  // the tokens' places in code points,
val ends = intArrayOf(__ENDS__)  // which a tokenizer gives beside the ids
val words = intArrayOf(__WORDS__)  // -1: no word of the text
val labels = listOf(__LABELS__)
val strategy = __AGGREGATION__

val scores = ids.indices.map { token ->
    val logits = output.slice(token * labels.size until (token + 1) * labels.size)
    val powers = logits.map { Math.exp((it - logits.max()).toDouble()) }
    powers.map { it / powers.sum() }
}
val bySeveral = strategy in listOf("first", "average", "max")
val parts = ids.indices.filter { words[it] >= 0 }
    .groupBy { if (bySeveral) words[it] else it }.values
fun scoresOf(part: List<Int>) = when (strategy) {
    "average" -> labels.indices.map { label -> part.sumOf { scores[it][label] } / part.size }
    "max" -> scores[part.maxBy { scores[it].max() }]
    else -> scores[part[0]]
}
class Group(val label: String, val start: Int) {
    val scores = mutableListOf<Double>()
    var end = 0
}
val groups = mutableListOf<Group>()
for (part in parts) {
    val best = scoresOf(part)
    val label = labels[best.indices.maxBy { best[it] }]
    val split = strategy != "none" && Regex("[BIESLU]-.+").matches(label)
    val kind = if (split) label.drop(2) else label
    val begins = strategy == "none" || (split && label[0] in "BSU")
    if (begins || groups.lastOrNull()?.label != kind) {
        groups += Group(kind, starts[part.first()])
    }
    groups.last().scores += best.max()
    groups.last().end = ends[part.last()]
}
for (group in groups.filter { it.label != "O" }) {
    val start = text.offsetByCodePoints(0, group.start)  // UTF-16 units, which Kotlin counts
    val end = text.offsetByCodePoints(start, group.end - group.start)
    println("${group.label} ${group.scores.average()} ${text.substring(start, end)}")
}
