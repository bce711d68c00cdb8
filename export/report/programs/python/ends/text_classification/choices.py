labels = [__LABELS__]
print([label for label, logit in zip(labels, output) if logit > 0])
