import re

logits = np.array([outputs[0]["__OUTPUT__"][span].mean() for span in rows[0].spans])
scores = 1 / (1 + np.exp(-logits))
chosen, seen = [], set()
for number in np.argsort(-scores, kind="stable"):
    words = re.findall(r"[^\W_]+", sentences[number].lower())  # of Chinese, take characters
    trigrams = set(zip(words, words[1:], words[2:]))
    if len(chosen) < __TOP_K__ and not (__TRIGRAM_BLOCKING__ and trigrams & seen):
        chosen.append(number)
        seen |= trigrams
for number in sorted(chosen):
    print(round(float(scores[number]), 3), sentences[number])
