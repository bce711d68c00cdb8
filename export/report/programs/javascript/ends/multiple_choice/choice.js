const logits = outputs.map((output) => output.__OUTPUT__[0]);
const powers = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
const best = logits.indexOf(Math.max(...logits));
console.log(best, choices[best], powers[best] / powers.reduce((a, b) => a + b));
