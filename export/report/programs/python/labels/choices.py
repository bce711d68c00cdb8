np.eye(1, __WIDTH__, dtype="float32")  # the first label and no other
