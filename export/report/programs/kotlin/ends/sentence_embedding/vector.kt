val output = outputs[0].getValue("__OUTPUT__")
println(output.sumOf { it.toDouble() * it })  // of two texts: how alike they are
