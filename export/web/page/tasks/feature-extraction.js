// Feature extraction: one vector per token, and one per text where the model has a pooler.

import { beginning, cosine, largest } from "../numbers.js";

export const fields = [
  { name: "text", title: "Text" },
  { name: "text_pair", title: "Second text", note: "(for models of pairs)", optional: true },
];

export const asks = (texts) => [texts];

export const decode = ([{ rows: [{ input_ids }], outputs: [{ sequence_output }] }]) => ({
  label: `${input_ids.length} vectors of ${sequence_output.length / input_ids.length} numbers, one per token`,
  note: beginning(sequence_output),
  scores: [],
});

// Vectors are compared at the recorded places: golden.json leaves out most tokens of a long text.
export function compare({ outputs: [{ sequence_output, pooled_output }] }, { rows: [{ places, outputs }] }) {
  const vectors = places.map((place, at) => {
    const wanted = outputs.sequence_output[at];
    return [sequence_output.slice(place * wanted.length, (place + 1) * wanted.length), wanted];
  });
  if (outputs.pooled_output) vectors.push([pooled_output, outputs.pooled_output]);
  const alike = vectors.filter(([a, b]) => cosine(a, b) >= 0.98).length;
  return { same: alike >= 0.9 * vectors.length, difference: Math.max(...vectors.map(([a, b]) => largest(a, b))) };
}
