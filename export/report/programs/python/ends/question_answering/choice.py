n_best = 20
tokens = [[at for at, text in enumerate(row.sequence_ids) if text == 1] for row in rows]
owner = {}  # place in the context -> the window with the most context around it
for window, own in enumerate(tokens):
    for at in range(len(own)):
        around = min(at, len(own) - 1 - at) + 0.01 * len(own)
        place = window * step + at
        owner[place] = max(owner.get(place, (around, -window)), (around, -window))


def spans(among_all):  # the best starts of a window with its best ends, or all of the context
    most = n_best if among_all else None
    for window, own in enumerate(tokens):
        kept = [t for at, t in enumerate(own) if owner[window * step + at][1] == -window]
        every = range(own[-1] + 2)  # [SEP] is the last one
        output = outputs[window]
        starts, ends = output["start_logits"].tolist(), output["end_logits"].tolist()
        firsts = sorted(every if among_all else kept, key=lambda token: -starts[token])
        lasts = sorted(every if among_all else own, key=lambda token: -ends[token])
        for first in firsts[:most]:
            for last in lasts[:most]:
                length = last - first + 1
                if first in kept and last in own and 0 < length <= __MAX_ANSWER_LENGTH__:
                    yield starts[first] + ends[last], window, first, last


found = list(spans(among_all=True)) or list(spans(among_all=False))
answers = {}  # text -> score, start and end in code points
for score, window, first, last in sorted(found, key=lambda span: -span[0]):
    own, words, offsets = tokens[window], rows[window].word_ids, rows[window].offsets
    start = next(offsets[token][0] for token in own if words[token] == words[first])
    end = [offsets[token][1] for token in own if words[token] == words[last]][-1]
    answers.setdefault(context[start:end], (score, start, end))
answers = [(text, *where) for text, where in answers.items()][:n_best]
if __HANDLE_IMPOSSIBLE_ANSWER__:  # whether "" may be the answer
    none = min(float(each["start_logits"][0] + each["end_logits"][0]) for each in outputs)
    impossible = none - answers[0][1] > __NULL_SCORE_DIFF_THRESHOLD__
    answers = sorted([*answers, ("", none, 0, 0)], key=lambda answer: -answer[1])
    answers = [answer for at, answer in enumerate(answers) if at < n_best or not answer[0]]
    answers.sort(key=lambda answer: bool(answer[0]) == impossible)
powers = np.exp([score - answers[0][1] for _, score, *_ in answers])
for (text, _, start, end), score in zip(answers[:__TOP_K__], powers / powers.sum()):
    print(round(float(score), 3), start, end, text)
