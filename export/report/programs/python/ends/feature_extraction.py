vectors = output[: sum(encoding.attention_mask)]  # one a token
print(vectors)
