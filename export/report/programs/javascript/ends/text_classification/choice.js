const labels = [__LABELS__];
console.log(labels[output.indexOf(Math.max(...output))]);
