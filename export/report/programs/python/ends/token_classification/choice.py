text = __TEXT__
labels = [__LABELS__]
strategy = __AGGREGATION__
(row,), logits = rows, outputs[0]["__OUTPUT__"]
scores = np.exp(logits - logits.max(-1, keepdims=True))
scores /= scores.sum(-1, keepdims=True)  # (tokens, labels)
word_scores = {  # the scores of a word from those of its tokens
    "first": lambda tokens: scores[tokens[0]],
    "average": lambda tokens: scores[tokens].mean(0),
    "max": lambda tokens: scores[max(tokens, key=lambda token: scores[token].max())],
}
words = {}  # with "none" and "simple", each token is a word
for token, word in enumerate(row.word_ids):
    if word is not None:  # not [CLS], [SEP] or padding
        words.setdefault(word if strategy in word_scores else token, []).append(token)
groups = []
for tokens in words.values():
    best = word_scores.get(strategy, word_scores["first"])(tokens)
    label, prefix = labels[best.argmax()], ""
    if label[1:2] == "-" and label[0] in "BIESLU" and strategy != "none":
        prefix, label = label[0], label[2:]
    begins = strategy == "none" or prefix in tuple("BSU")
    if begins or not groups or groups[-1][0] != label:
        groups.append((label, [], []))
    groups[-1][1].append(best.max())
    groups[-1][2].extend(row.offsets[tokens[place]] for place in (0, -1))
for label, found, places in groups:
    if label != "O":
        start, end = places[0][0], places[-1][1]  # code points of the text
        print(label, round(float(np.mean(found)), 3), start, end, text[start:end])
