// Fill-mask: logits of all tokens for each mask -> the words that fit best, as kerasbert/tasks/fill_mask.py does.

import { largest, softmax } from "../numbers.js";

const MASK = "[MASK]"; // stands for the mask token of any model

export const fields = [{ name: "text", title: "Text", note: `(with ${MASK} where a word is wanted)` }];

export const asks = (texts) => [texts];

// One row for each mask: the whole text, or the tokens around the mask of a longer one.
export function rows(tokenizer, [text], { max_length }) {
  const pieces = tokenizer.pieces(withMask(text, tokenizer)), room = max_length - 2;
  const mask = tokenizer.ids.get(tokenizer.mask);
  const places = [...pieces.keys()].filter((place) => pieces[place].id === mask);
  if (!places.length) throw new Error(`no ${tokenizer.mask} in the text; put it where a word is wanted`);
  return places.map((place) => {
    const begin = Math.max(0, Math.min(place - Math.floor(room / 2), pieces.length - room));
    const row = tokenizer.row(pieces.slice(begin, begin + room), null);
    return { ...row, mlm_positions: [place - begin + 1], tokenizer };
  });
}

const withMask = (text, tokenizer) => text.replaceAll(MASK, tokenizer.mask);

export function decode([{ texts: [text], rows, outputs }], settings) {
  const filled = rows.map((row, number) => best(row, outputs[number].logits, settings));
  const named = ({ word }, number) => (rows.length > 1 ? `${number + 1}: ${word.trim()}` : word.trim());
  return {
    label: filled.map(([{ word }]) => word.trim()).join(", "),
    best: filled.map(([first], number) => named(first, number)),
    scores: filled.flatMap((words, number) => words.map((each) => [named(each, number), each.score, 0, 1])),
    ...sequence(text, rows, filled.map(([first]) => first)),
  };
}

// The text with a word in place of each mask, and the places of the words.
function sequence(text, rows, words) {
  const parts = withMask(text, rows[0].tokenizer);
  const found = { text: "", marks: [] };
  let done = 0;
  rows.forEach((row, number) => {
    const [start, end] = row.offsets[row.mlm_positions[0]], { word, joins, score } = words[number];
    const before = parts.slice(done, start);
    found.text += joins ? before.trimEnd() : before;
    const written = joins && found.text ? word : word.trim();
    const from = found.text.length + written.length - written.trimStart().length;
    found.text += written;
    found.marks.push({ start: from, end: found.text.length, label: score.toFixed(3), kind: 0, score });
    done = end;
  });
  found.text += parts.slice(done);
  return found;
}

// The recorded rows have Keras's logits, the recorded answer the tokens of each mask.
export function compare({ rows, outputs }, recorded, settings) {
  const found = rows.map((row, number) => best(row, outputs[number].logits, settings));
  const answers = Array.isArray(recorded.answer[0]) ? recorded.answer : [recorded.answer];
  const scores = ({ logits }) => softmax(Array.from(logits));
  return {
    same: String(found.map(([{ token }]) => token)) === String(answers.map(([{ token }]) => token)),
    difference: Math.max(...outputs.map((output, number) => largest(scores(output), scores(recorded.rows[number].outputs)))),
  };
}

// The best tokens for a mask, best first: {token, word, joins, score}; joins: whether the word is written without the
// space before it, or brings its own.
function best({ tokenizer }, logits, { targets, top_k }) {
  const scores = softmax(Array.from(logits));
  const wanted = targets.length
    ? [...new Set(targets.map((word) => tokenizer.ids.get(word) ?? tokenizer.pieces(word)[0].id))] : [...scores.keys()];
  return wanted.sort((a, b) => scores[b] - scores[a] || a - b).slice(0, top_k)
    .map((token) => ({ token, ...tokenizer.wordOf(token), score: scores[token] }));
}
