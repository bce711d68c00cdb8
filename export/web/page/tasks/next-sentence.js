// Next sentence: two logits for a pair of texts -> whether the second one follows the first, as
// kerasbert/tasks/next_sentence.py does.

import * as classification from "./text-classification.js";

export const fields = [
  { name: "text", title: "First text" },
  { name: "text_pair", title: "Second text" },
];

export const { asks } = classification;

const single = (settings) => ({ ...settings, problem_type: "single_label_classification" });

export function decode(runs, settings) {
  const answer = classification.decode(runs, single(settings));
  const follows = answer.label === settings.labels[0];
  return { ...answer, note: follows ? "The second text follows the first." : "The second text does not follow the first." };
}

export const compare = (run, recorded, settings) => classification.compare(run, recorded, single(settings));
