np.eye(1, __COUNT__, dtype="float32")  # the first label and no other
