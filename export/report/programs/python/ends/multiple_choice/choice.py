logits = np.array([output["__OUTPUT__"][0] for output in outputs])
scores = np.exp(logits - logits.max())
best = scores.argmax()
print(best, choices[best], round(float(scores[best] / scores.sum()), 3))
