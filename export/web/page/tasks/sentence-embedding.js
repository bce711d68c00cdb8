// Sentence embedding: one text -> a vector, two texts -> how alike they are.

import { beginning, cosine, dot, largest } from "../numbers.js";

export const fields = [
  { name: "text", title: "Text" },
  { name: "text_pair", title: "Second text", note: "(to see how alike both are)", optional: true },
];

// Each text is a run of its own.
export const asks = (texts) => texts.map((text) => [text]);

export function decode(runs) {
  const [first, second] = runs.map(({ outputs }) => outputs[0]);
  if (!second) return { label: `${first.embedding.length} numbers`, note: beginning(first.embedding), scores: [] };
  const likeness = dot(first.embedding, second.embedding);
  const note = "The cosine of both vectors: 1 for texts that are alike, about 0 for texts that are not.";
  return { label: likeness.toFixed(3), note, scores: [["likeness", likeness, 0, 1]] };
}

export function compare({ outputs: [{ embedding }] }, { rows: [recorded], answer }) {
  return {
    same: cosine(embedding, answer.embedding) >= 0.98,
    difference: largest(embedding, recorded.outputs.embedding),
  };
}
