print(output.reduce(0) { $0 + $1 * $1 })  // of two texts: how alike they are
