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

const decoded = (logits, settings) => DECODERS[settings.problem_type](Array.from(logits), settings.labels);

// The highest score first.
export const decode = ([{ outputs: [{ logits }] }], settings) => {
  const answer = decoded(logits, settings);
  return { ...answer, scores: answer.scores.toSorted((a, b) => b[1] - a[1]) };
};

// The recorded row has Keras's logits, the recorded answer what they mean.
export function compare({ outputs: [{ logits }] }, { rows: [recorded], answer }, settings) {
  const [here, there] = [logits, recorded.outputs.logits].map((each) => decoded(each, settings));
  const values = ({ scores }) => scores.map((score) => score[1]);
  return { same: SAME[settings.problem_type](here, answer), difference: largest(values(here), values(there)) };
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
