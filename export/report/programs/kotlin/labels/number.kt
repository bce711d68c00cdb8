floatArrayOf(1f)
