// Multiple choice: one logit for each choice with the prompt -> the best choice, as kerasbert/tasks/multiple_choice.py
// does.

import { largest, softmax } from "../numbers.js";

export const fields = [
  { name: "prompt", title: "Prompt", lines: 2 },
  { name: "choices", title: "Choices", note: "(one per line, two or more)", lines: 6, list: true },
];

export const asks = (texts) => [texts];

export function rows(tokenizer, [prompt, choices], { max_length }) {
  if (choices.length < 2) throw new Error(`${choices.length === 1 ? "1 choice" : "no choices"}; give two or more`);
  return choices.map((choice) => tokenizer.encode(prompt, choice, max_length));
}

const scoresOf = (outputs) => softmax(outputs.map(({ logits }) => logits[0]));

// The highest score first.
export function decode([{ texts: [, choices], outputs }]) {
  const scores = scoresOf(outputs);
  const found = choices.map((choice, number) => [choice, scores[number], 0, 1]).sort((a, b) => b[1] - a[1]);
  return { label: found[0][0], best: [found[0][0]], scores: found };
}

// The recorded rows have Keras's logits, the recorded answer the number of the choice.
export function compare({ outputs }, { rows, answer }) {
  const here = scoresOf(outputs), there = scoresOf(rows.map(({ outputs }) => outputs));
  return { same: here.indexOf(Math.max(...here)) === answer.choice, difference: largest(here, there) };
}
