// One row of whole sentences, at most __MAX_LENGTH__ tokens. A longer text has several rows,
// which the Python program and web/tasks/extractive-summarization.js make.
val sentences = listOf(__SENTENCES__)
val logits = outputs[0].getValue("__OUTPUT__")
val firsts = rows[0].indices.filter { rows[0][it] == __CLS_ID__ }  // where sentences begin
require(rows.size == 1 && firsts.size == sentences.size) { "one row must hold all sentences" }
val spans = firsts.zip(firsts.drop(1) + rows[0].size)
val scores = spans.map { (first, end) ->
    1 / (1 + Math.exp(-logits.slice(first until end).average()))  // of all tokens
}
val chosen = mutableListOf<Int>()
val seen = mutableSetOf<List<String>>()
for (number in scores.indices.sortedByDescending { scores[it] }) {
    val words = Regex("[\\p{L}\\p{N}]+").findAll(sentences[number].lowercase())
    val trigrams = words.map { it.value }.toList().windowed(3)  // of Chinese, take characters
    if (chosen.size < __TOP_K__ && !(__TRIGRAM_BLOCKING__ && trigrams.any { it in seen })) {
        chosen += number
        seen += trigrams
    }
}
for (number in chosen.sorted()) println("${scores[number]} ${sentences[number]}")
