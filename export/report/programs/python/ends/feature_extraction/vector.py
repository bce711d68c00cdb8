vectors = output[: sum(encoding.attention_mask)]  # one per token
print(vectors)
