// Extractive summarization: a logit of each token -> the sentences that summarise a text, as
// kerasbert/tasks/extractive_summarization.py and kerasbert/tasks/sources.py do.

import { largest, sigmoid } from "../numbers.js";
import { sentences } from "../sentences.js";
import { asText, CJK, joined } from "../words.js";
import { mostContext } from "./question-answering.js";

export const fields = [{ name: "source", title: "Text", note: "(of any length)", lines: 8 }];

export const title = "summary";

export const asks = (texts) => [texts];

// The sentences of a text, or a list of sentences -> {text, parts: [{text, start, end}]}, places in UTF-16 units of the
// text, which is the list joined.
function sourceOf(source) {
  const text = asText(source), searched = text.replaceAll("\n", "\u2029");
  const found = Array.isArray(source) ? source : sentences(source);
  let end = 0;
  const parts = found.map((sentence) => {
    const start = searched.indexOf(sentence.replaceAll("\n", "\u2029"), end);
    end = start + sentence.length;
    return { text: text.slice(start, end), start, end };
  });
  return { text, parts };
}

// Rows of whole sentences, each as the tokenizer encodes it alone. numbers and firsts: the number of each sentence of
// the row, and the place of its [CLS].
export function rows(tokenizer, [source], { max_length }) {
  const { parts } = sourceOf(source);
  const numbers = [...parts.keys()].filter((number) => parts[number].text.trim());
  const encoded = numbers.map((number) => tokenizer.encode(parts[number].text, null, max_length));
  const before = [0];
  for (const { input_ids } of encoded) before.push(before.at(-1) + input_ids.length);
  const found = windows(before, max_length);
  if (!found.length) return [];
  const kept = mostContext(found.map(([begin]) => before[begin]), found.map(([begin, end]) => before[end] - before[begin]));
  return found.map(([begin, end], window) => {
    const row = { input_ids: [], token_type_ids: [], attention_mask: [], offsets: [], words: [], texts: [], cut: 0 };
    for (let place = begin; place < end; place++)
      add(row, encoded[place], parts[numbers[place]].start, (place - begin) % 2);
    const firsts = before.slice(begin, end).map((first) => first - before[begin]);
    return { ...row, kept: kept[window], numbers: numbers.slice(begin, end), firsts };
  });
}

function add(row, sentence, start, type) {
  const words = Math.max(-1, ...row.words) + 1, place = (at) => at + start;
  row.input_ids.push(...sentence.input_ids);
  row.token_type_ids.push(...sentence.input_ids.map(() => type));
  row.attention_mask.push(...sentence.attention_mask);
  row.offsets.push(...sentence.offsets.map((each, token) => (sentence.texts[token] < 0 ? each : each.map(place))));
  row.words.push(...sentence.words.map((word) => (word < 0 ? word : word + words)));
  row.texts.push(...sentence.texts);
  row.cut += sentence.cut;
}

// The begin and the end of each row, counted in sentences: as many as fit, beginning with the last ones of the row before
// if these have at most a quarter of the tokens. before: the number of tokens before each sentence, and of all.
function windows(before, most) {
  const found = [], count = before.length - 1, shared = Math.floor(most / 4);
  for (let begin = 0; begin < count;) {
    let end = begin + 1;
    while (end < count && before[end + 1] - before[begin] <= most) end++;
    found.push([begin, end]);
    if (end === count) break;
    begin++;
    while (before[end] - before[begin] > shared || before[end + 1] - before[begin] > most) begin++;
  }
  return found;
}

// The score of each sentence, by the mean of its tokens' logits; -Infinity for one without text.
function scoresOf(count, rows, outputs) {
  const scores = Array(count).fill(-Infinity);
  rows.forEach(({ input_ids, numbers, firsts, kept: [begin, end] }, index) => numbers.forEach((number, place) => {
    const first = firsts[place], logits = outputs[index].logits.slice(first, firsts[place + 1] ?? input_ids.length);
    if (begin <= first && first < end) scores[number] = sigmoid(logits.reduce((a, b) => a + b) / logits.length);
  }));
  return scores;
}

const WORD = /[\p{L}\p{N}]+/gu;
const wordsOf = (text) => text.toLowerCase().replace(new RegExp(CJK, "gu"), " $& ").match(WORD) ?? [];

// A run's summary, {text, parts, scores, sentences: [{sentence, text, score, start, end}]}: places in UTF-16 units.
export function answer({ texts: [source], rows, outputs }, { top_k, trigram_blocking }) {
  const { text, parts } = sourceOf(source), scores = scoresOf(parts.length, rows, outputs);
  const chosen = [], seen = new Set();
  for (const number of [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b)) {
    if (chosen.length === top_k || scores[number] === -Infinity) break;
    const words = wordsOf(parts[number].text);
    const trigrams = words.slice(2).map((_, place) => words.slice(place, place + 3).join(" "));
    if (trigram_blocking && trigrams.some((each) => seen.has(each))) continue;
    chosen.push(number);
    for (const each of trigrams) seen.add(each);
  }
  chosen.sort((a, b) => a - b);
  return {
    text, parts, scores,
    sentences: chosen.map((number) => ({ sentence: number, score: scores[number], ...parts[number] })),
  };
}

export function decode([run], settings) {
  const { text, parts, scores, sentences: chosen } = answer(run, settings);
  const summary = joined(chosen.map((each) => each.text));
  return {
    label: summary || "no sentence",
    best: chosen.map((each) => each.text),
    scores: parts.map((part, number) => [part.text, scores[number], 0, 1]).filter(([, score]) => score >= 0),
    text,
    marks: chosen.map(({ start, end, score }) => ({ start, end, score, label: score.toFixed(3), kind: 0 })),
  };
}

// The recorded rows have Keras's logits, the recorded answer the numbers of its sentences.
export function compare(run, recorded, settings) {
  const numbers = ({ sentences: chosen }) => chosen.map(({ sentence }) => sentence);
  const { parts } = sourceOf(run.texts[0]), there = recorded.rows.map(({ outputs }) => outputs);
  const [ours, theirs] = [run.outputs, there].map((outputs) =>
    scoresOf(parts.length, run.rows, outputs).filter((score) => score >= 0));
  return {
    same: String(numbers(answer(run, settings))) === String(numbers(recorded.answer)),
    difference: ours.length === theirs.length ? largest(ours, theirs) : 1,
  };
}
