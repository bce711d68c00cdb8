vector = outputs[0]["__OUTPUT__"]
print(vector @ vector)  # of two texts: how alike they are
