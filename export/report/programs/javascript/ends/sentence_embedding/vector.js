console.log(output.reduce((sum, x) => sum + x * x, 0)); // of two texts: how alike they are
