println(output[0])
