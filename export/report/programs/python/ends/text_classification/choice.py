labels = [__LABELS__]
print(labels[output.argmax()])
