labels = [__LABELS__]
print(labels[outputs[0]["__OUTPUT__"].argmax()])
