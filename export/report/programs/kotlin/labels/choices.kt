FloatArray(__WIDTH__) { if (it == 0) 1f else 0f }  // the first label and no other
