intArrayOf(0)  // the first label
