// Text classification: logits -> one label, several labels, or a number, as kerasbert/tasks/text_classification.py does.

import { largest, sigmoid, softmax } from "../numbers.js";

export const fields = [
  { name: "text", title: "Text" },
  {
    name: "text_pair",
    title: "Second text",
    note: "(for models of pairs)",
    optional: true,
    when: ({ pairs }) => pairs !== false, // null: nobody recorded it
  },
];

export const asks = (texts) => [texts];

// Windows that overlap by a quarter; of a pair the longer text, if the other one leaves a quarter of the length to it.
export function rows(tokenizer, [text, pair = null], { max_length }) {
  const [first, second] = [text, pair].map((each) => (each === null ? null : tokenizer.pieces(each)));
  const [long, short] = second === null || first.length > second.length ? [first, second ?? []] : [second, first];
  const quarter = Math.floor(max_length / 4);
  const size = max_length - tokenizer.row([], second && []).input_ids.length - short.length;
  if (long.length <= size || size < Math.max(1, quarter)) return [tokenizer.encode(text, pair, max_length)];
  const found = [];
  for (let start = 0, more = true; more; start += size - Math.min(quarter, Math.floor(size / 2))) {
    more = start + size < long.length;
    const part = long.slice(start, start + size);
    found.push(long === first ? tokenizer.row(part, second) : tokenizer.row(first, part));
  }
  return found;
}

// The mean of the rows' logits, weighted by their numbers of tokens.
function averaged(rows, outputs) {
  if (outputs.length === 1) return Array.from(outputs[0].logits);
  const sizes = rows.map(({ input_ids }) => input_ids.length), total = sizes.reduce((a, b) => a + b);
  return Array.from(outputs[0].logits, (_, label) =>
    outputs.reduce((sum, { logits }, row) => sum + (logits[label] * sizes[row]) / total, 0));
}

const decoded = (logits, settings) => DECODERS[settings.problem_type](logits, settings.labels);

// The highest score first.
export const decode = ([{ rows, outputs }], settings) => {
  const answer = decoded(averaged(rows, outputs), settings);
  return { ...answer, scores: answer.scores.toSorted((a, b) => b[1] - a[1]) };
};

// The recorded rows have Keras's logits, the recorded answer what they mean. A model that reads the text itself cuts it,
// so that it is compared with the first row.
export function compare({ rows, outputs }, { rows: recorded, answer }, settings) {
  const cut = rows?.[0] === null && recorded.length > 1;
  const wanted = cut ? recorded.slice(0, 1) : recorded;
  const [here, there] = [averaged(rows, outputs), averaged(wanted, wanted.map((row) => row.outputs))]
    .map((logits) => decoded(logits, settings));
  const values = ({ scores }) => scores.map((score) => score[1]);
  const same = cut ? here.label === there.label : SAME[settings.problem_type](here, answer);
  return { same, difference: largest(values(here), values(there)) };
}

const DECODERS = {
  single_label_classification: (logits, labels) => {
    const scores = softmax(logits);
    const label = labels[logits.indexOf(Math.max(...logits))];
    return { label, best: [label], scores: labels.map((label, place) => [label, scores[place], 0, 1]) };
  },
  multi_label_classification: (logits, labels) => {
    const best = labels.filter((_, place) => logits[place] > 0);
    return {
      label: best.join(", "),
      best,
      scores: labels.map((label, place) => [label, sigmoid(logits[place]), 0, 1]),
    };
  },
  regression: ([value], [label]) => ({
    label: value.toPrecision(4),
    scores: [[label, value, Math.min(0, value), Math.max(1, value)]],
  }),
};

const NEAR = 0.05; // numbers count as the same answer within this share of the larger one, or of 1
const SAME = {
  single_label_classification: ({ label }, answer) => label === answer.label,
  multi_label_classification: ({ label }, answer) => label === answer.map((each) => each.label).join(", "),
  regression: ({ scores: [[, value]] }, { score }) =>
    Math.abs(value - score) <= NEAR * Math.max(1, Math.abs(value), Math.abs(score)),
};
