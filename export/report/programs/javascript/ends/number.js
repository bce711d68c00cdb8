const output = outputs[0].__OUTPUT__;
console.log(output[0]);
