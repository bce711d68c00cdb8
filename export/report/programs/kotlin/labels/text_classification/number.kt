arrayOf(floatArrayOf(1f))
