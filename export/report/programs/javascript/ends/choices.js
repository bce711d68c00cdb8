const output = outputs[0].__OUTPUT__;
const labels = [__LABELS__];
console.log(labels.filter((_, index) => output[index] > 0));
