np.array([[1.0]], "float32")
