val logits = outputs[0].getValue("__OUTPUT__")
val highest = logits.max()
val powers = logits.map { Math.exp((it - highest).toDouble()) }
val sum = powers.sum()
val tokens = context.assets.open("__VOCABULARY__").bufferedReader().readLines()
val words = listOf<String>(__TARGETS__)  // to choose among; none: all of the vocabulary
val wanted = if (words.isEmpty()) logits.indices.toList() else words.map { tokens.indexOf(it) }
for (token in wanted.sortedByDescending { logits[it] }.take(__TOP_K__)) {
    val word = tokens[token]
    // ## goes on with a word
    val sequence = __TEXT__.replace("__MASK__", word).replace(" ##", "")
    println("$word ${powers[token] / sum} $sequence")
}
