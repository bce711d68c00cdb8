print(output[0])
