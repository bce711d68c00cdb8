const output = outputs[0].__OUTPUT__;
const labels = [__LABELS__];
console.log(labels[output.indexOf(Math.max(...output))]);
