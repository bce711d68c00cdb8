// Question answering: logits of each token as start and as end -> parts of the context, as
// kerasbert/tasks/question_answering.py and kerasbert/decoding/spans.py do.

import { largest, softmax } from "../numbers.js";
import { unitsOf } from "../bundle.js";

export const fields = [
  { name: "question", title: "Question", lines: 2 },
  { name: "context", title: "Context", note: "(of any length)", lines: 8 },
];

export const asks = (texts) => [texts];

const N_BEST = 20; // starts and ends of a window that are paired, and answers that share the probability

// The windows of a context, each with the whole question before it.
export function rows(tokenizer, [question, context], { max_length, stride }) {
  for (const [name, text] of Object.entries({ question, context }))
    if (!tokenizer.pieces(text).length) throw new Error(`the ${name} is empty; give it some text`);
  const used = tokenizer.encode(question, "", Infinity).input_ids.length, room = max_length - used;
  if (room < 1)
    throw new Error(`the question takes ${used} of ${max_length} tokens and leaves no room for the context; shorten it`);
  const shared = Math.min(stride, Math.floor(room / 2));
  const windows = tokenizer.windows(context, max_length, shared, question);
  const sizes = windows.map((row) => contextOf(row).length);
  const kept = mostContext(sizes.map((_, window) => window * (room - shared)), sizes);
  return windows.map((row, window) => ({ ...row, kept: kept[window].map((place) => contextOf(row)[0] + place) }));
}

// The tokens of the context in a window.
const contextOf = ({ texts }) => [...texts.keys()].filter((token) => texts[token] === 1);

// The places of windows' first tokens in the text, and their sizes -> begin and end of the tokens of each window that
// have the most context there.
export function mostContext(begins, sizes) {
  const score = (window, place) => {
    const [left, right] = [place - begins[window], begins[window] + sizes[window] - 1 - place];
    return left < 0 || right < 0 ? -1 : Math.min(left, right) + 0.01 * sizes[window];
  };
  const kept = sizes.map(() => [0, 0]);
  for (let place = 0; place < begins.at(-1) + sizes.at(-1); place++) {
    const scores = sizes.map((_, window) => score(window, place));
    const owner = scores.indexOf(Math.max(...scores)), own = place - begins[owner];
    kept[owner] = [kept[owner][1] ? kept[owner][0] : own, own + 1];
  }
  return kept;
}

export function decode([run], settings) {
  const found = answers(run, settings);
  const [{ answer, start, end, score }] = found;
  const name = ({ answer }) => answer || "no answer";
  return {
    label: name(found[0]),
    best: [name(found[0])],
    scores: found.map((each) => [name(each), each.score, 0, 1]),
    text: run.texts[1],
    marks: answer ? [{ start, end, label: score.toFixed(3), kind: 0, score }] : [],
  };
}

// The recorded rows have Keras's logits, the recorded answer the place in code points.
export function compare(run, recorded, settings) {
  const units = unitsOf(run.texts[1]);
  const [here] = answers(run, settings), [there] = [recorded.answer].flat();
  const differences = run.outputs.flatMap((output, window) => ["start_logits", "end_logits"].map((name) => {
    const logits = recorded.rows[window]?.outputs[name];
    return logits?.length === output[name].length ? largest(softmax(Array.from(output[name])), softmax(logits)) : 1;
  }));
  return {
    same: here.start === units(there.start) && here.end === units(there.end),
    difference: Math.max(...differences),
  };
}

// A run's best answers, {answer, score, start, end}, best first: the places in UTF-16 units, the answer none "".
export function answers({ texts: [, context], rows, outputs }, settings) {
  const found = new Map();
  const all = spans(rows, outputs, settings, true), best = all.length ? all : spans(rows, outputs, settings, false);
  for (const { row, first, last, score } of best) {
    const { words, offsets } = row, own = contextOf(row);
    const start = offsets[own.find((token) => words[token] === words[first])][0]; // whole words
    const end = offsets[own.findLast((token) => words[token] === words[last])][1];
    const answer = context.slice(start, end);
    if (!found.has(answer)) found.set(answer, { answer, score, start, end });
  }
  let kept = [...found.values()].slice(0, N_BEST);
  if (settings.handle_impossible_answer) {
    const none = Math.min(...outputs.map(({ start_logits, end_logits }) => start_logits[0] + end_logits[0]));
    const impossible = none - kept[0].score > settings.null_score_diff_threshold;
    kept.push({ answer: "", score: none, start: 0, end: 0 });
    kept = kept.sort((a, b) => b.score - a.score).filter(({ answer }, place) => !answer || place < N_BEST);
    kept.sort((a, b) => (!a.answer !== impossible) - (!b.answer !== impossible)); // what was decided comes first
  }
  const scores = softmax(kept.map(({ score }) => score));
  return kept.map((each, place) => ({ ...each, score: scores[place] }));
}

// Spans of the context, best first: the best starts of each window with its best ends, taken among all of its tokens, or
// all starts and ends in the context.
function spans(rows, outputs, { max_answer_length }, amongAll) {
  const found = rows.flatMap((row, window) => {
    const { start_logits, end_logits } = outputs[window], context = contextOf(row);
    const begins = context.filter((token) => row.kept[0] <= token && token < row.kept[1]);
    const best = (logits, within) => (amongAll ? [...row.words.keys()] : within)
      .sort((a, b) => logits[b] - logits[a]).slice(0, amongAll ? N_BEST : Infinity).filter((token) => within.includes(token));
    const lasts = best(end_logits, context);
    return best(start_logits, begins).flatMap((first) => lasts
      .filter((last) => first <= last && last < first + max_answer_length)
      .map((last) => ({ row, first, last, score: start_logits[first] + end_logits[last] })));
  });
  return found.sort((a, b) => b.score - a.score);
}
