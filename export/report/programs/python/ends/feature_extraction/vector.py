vectors = outputs[0]["__OUTPUT__"][: sum(rows[0].attention_mask)]  # one per token
print(vectors)
