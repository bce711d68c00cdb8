let output = outputs[0]["__OUTPUT__"]!
print(output[0])
