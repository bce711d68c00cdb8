val choices = listOf(__CHOICES__)
val logits = outputs.map { it.getValue("__OUTPUT__")[0] }
val powers = logits.map { Math.exp((it - logits.max()).toDouble()) }
val best = logits.indices.maxBy { logits[it] }
println("$best ${choices[best]} ${powers[best] / powers.sum()}")
