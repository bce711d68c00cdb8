logits = outputs[0]["__OUTPUT__"]
scores = np.exp(logits - logits.max())
scores /= scores.sum()
words = [__TARGETS__]  # to choose among; none: all of the vocabulary
wanted = [tokenizer.encode(word, add_special_tokens=False).ids[0] for word in words]
for token in sorted(wanted or range(len(scores)), key=lambda token: -scores[token])[:__TOP_K__]:
    ids = list(rows[0].ids)
    ids[ids.index(__MASK_ID__)] = token
    print(round(float(scores[token]), 3), tokenizer.decode([token]), "|", tokenizer.decode(ids))
