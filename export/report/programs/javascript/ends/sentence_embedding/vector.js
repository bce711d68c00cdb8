const output = outputs[0].__OUTPUT__;
console.log(output.reduce((sum, x) => sum + x * x, 0)); // of two texts: how alike they are
