println(output.sumOf { it.toDouble() * it })  // of two texts: how alike they are
