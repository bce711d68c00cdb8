print(outputs[0]["__OUTPUT__"][0])
