np.array([0], "int32")  # the first label
