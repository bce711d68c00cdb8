val labels = listOf(__LABELS__)
println(labels[output.indices.maxBy { output[it] }])
