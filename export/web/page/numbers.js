// Mathematics that several tasks use.

export const softmax = (logits) => {
  const highest = logits.reduce((a, b) => Math.max(a, b)); // a vocabulary is too long for Math.max(...logits)
  const shifted = logits.map((logit) => Math.exp(logit - highest));
  const sum = shifted.reduce((a, b) => a + b);
  return shifted.map((value) => value / sum);
};
export const sigmoid = (logit) => 0.5 * (1 + Math.tanh(0.5 * logit));
export const dot = (a, b) => a.reduce((sum, value, place) => sum + value * b[place], 0);
export const cosine = (a, b) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
export const largest = (a, b) => a.reduce((most, value, place) => Math.max(most, Math.abs(value - b[place])), 0);

// The first numbers of a vector, as text.
export const beginning = (vector) => `${Array.from(vector.slice(0, 4), (value) => value.toFixed(3)).join(", ")} …`;
