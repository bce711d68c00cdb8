import re

scores = 1 / (1 + np.exp(-np.array(outputs[0]["__OUTPUT__"])[rows[0].firsts]))
chosen, seen = [], set()
for number in np.argsort(-scores, kind="stable"):
    words = re.findall(r"[^\W_]+", sentences[number].lower())  # of Chinese, take characters
    trigrams = set(zip(words, words[1:], words[2:]))
    if len(chosen) < __TOP_K__ and not (__TRIGRAM_BLOCKING__ and trigrams & seen):
        chosen.append(number)
        seen |= trigrams
for number in sorted(chosen):
    print(round(float(scores[number]), 3), sentences[number])
