import re

logits = np.zeros(len(sentences))
for place, number in enumerate(numbers):  # in the row where it has the most context
    row = max(rows, key=lambda row: row.context(place))
    logits[number] = outputs[rows.index(row)]["__OUTPUT__"][row.span(place)].mean()
scores = 1 / (1 + np.exp(-logits))
chosen, seen = [], set()
for number in sorted(numbers, key=lambda number: -scores[number]):
    words = re.findall(r"[^\W_]+", sentences[number].lower())  # of Chinese, take characters
    trigrams = set(zip(words, words[1:], words[2:]))
    if len(chosen) < __TOP_K__ and not (__TRIGRAM_BLOCKING__ and trigrams & seen):
        chosen.append(number)
        seen |= trigrams
for number in sorted(chosen):
    print(round(float(scores[number]), 3), sentences[number])
