// Token classification: logits of each token -> entities with their places, as kerasbert/tasks/token_classification.py
// and kerasbert/decoding/tags.py do.

import { largest, softmax } from "../numbers.js";
import { unitsOf } from "../bundle.js";

export const fields = [{ name: "text", title: "Text", note: "(of any length)" }];

export const choices = [
  { name: "aggregation", title: "Tokens become entities by", values: ["none", "simple", "first", "average", "max"] },
];

export const asks = (texts) => [texts];

// Windows overlap by a quarter.
export const rows = (tokenizer, [text], { max_length }) =>
  tokenizer.windows(text, max_length, Math.floor(max_length / 4));

const OUTSIDE = "O";

// "B-PER" -> ["B", "PER"]; "O" and types without a letter -> ["", type]
const split = (label) => /^([BIESLU])-(.+)$/s.exec(label)?.slice(1) ?? ["", label];

const typesOf = ({ labels }) => [...new Set(labels.map((label) => split(label)[1]))].filter((type) => type !== OUTSIDE);

export const about = typesOf;

export function decode([{ texts: [text], rows, outputs }], settings) {
  const types = typesOf(settings);
  const marks = entities(rows, outputs, settings).map(({ entity, entity_group, ...each }) => {
    const label = entity_group ?? entity;
    return { ...each, label, kind: types.indexOf(split(label)[1]) };
  });
  return {
    label: marks.length === 1 ? "1 entity" : `${marks.length || "no"} entities`,
    scores: marks.map(({ label, start, end, score }) => [`${text.slice(start, end)} · ${label}`, score, 0, 1]),
    text,
    marks,
  };
}

// The recorded rows have Keras's logits, the recorded answer its entities, with places in code points.
export function compare({ texts: [text], rows, outputs }, recorded, settings) {
  const units = unitsOf(text);
  const places = (answer, unit) =>
    answer.map(({ entity, entity_group, start, end }) => [entity_group ?? entity, unit(start), unit(end)]);
  const here = entities(rows, outputs, settings);
  const scores = ({ logits }) => tokensOf(Array.from(logits).flat(), settings).flat();
  const differences = outputs.map((row, index) =>
    rows[index].input_ids.length === recorded.rows[index]?.input_ids.length
      ? largest(scores(row), scores(recorded.rows[index].outputs)) : 1);
  return {
    same: String(places(here, (offset) => offset)) === String(places(recorded.answer, units)),
    difference: Math.max(...differences),
  };
}

// The probabilities of the labels of each token.
function tokensOf(logits, { labels }) {
  const tokens = [];
  for (let at = 0; at < logits.length; at += labels.length) tokens.push(softmax(logits.slice(at, at + labels.length)));
  return tokens;
}

// The entities of a text, each token taken from the window that keeps it.
function entities(rows, outputs, settings) {
  const tokens = rows.flatMap(({ offsets, words, kept: [begin, end] }, index) =>
    tokensOf(Array.from(outputs[index].logits), settings).slice(begin, end).map((scores, at) => {
      const [start, after] = offsets[begin + at];
      return { scores, start, end: after, word: words[begin + at] };
    }));
  return joined(tokens, settings.labels, settings.aggregation);
}

const WORD_SCORES = {
  first: ([token]) => token.scores,
  average: (tokens) => tokens[0].scores.map((_, label) => mean(tokens.map(({ scores }) => scores[label]))),
  max: (tokens) => tokens.map(({ scores }) => scores).reduce((a, b) => (Math.max(...b) > Math.max(...a) ? b : a)),
};
const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

// tokens: {scores, start, end, word} in the order of the text. With "none" and "simple", each token is answered by
// itself; the others give all tokens of a word one label.
export function joined(tokens, labels, aggregation) {
  const parts = [];
  for (const token of tokens)
    if (aggregation in WORD_SCORES && parts.at(-1)?.[0].word === token.word) parts.at(-1).push(token);
    else parts.push([token]);
  let index = 0;
  const found = parts.map((part) => {
    const scores = (WORD_SCORES[aggregation] ?? WORD_SCORES.first)(part);
    const score = Math.max(...scores);
    const entity = labels[scores.indexOf(score)];
    return { entity, score, index: ++index, start: part[0].start, end: part.at(-1).end };
  });
  if (aggregation === "none") return found.filter(({ entity }) => entity !== OUTSIDE);
  const groups = [];
  for (const each of found) {
    const [letter, type] = split(each.entity);
    const begins = ["B", "S", "U"].includes(letter) || groups.at(-1)?.type !== type;
    if (begins) groups.push({ type, parts: [each] });
    else groups.at(-1).parts.push(each);
  }
  return groups.filter(({ type }) => type !== OUTSIDE).map(({ type, parts }) => ({
    entity_group: type,
    score: mean(parts.map(({ score }) => score)),
    start: parts[0].start,
    end: parts.at(-1).end,
  }));
}
