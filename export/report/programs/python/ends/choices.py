labels = [__LABELS__]
print([label for label, logit in zip(labels, outputs[0]["__OUTPUT__"]) if logit > 0])
