val output = outputs[0].getValue("__OUTPUT__")
val labels = listOf(__LABELS__)
println(labels.filterIndexed { at, _ -> output[at] > 0 })
