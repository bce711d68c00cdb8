console.log(output[0]);
