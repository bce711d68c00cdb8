const { sentences } = task.answer({ texts, rows, outputs }, settings);
for (const { text, score, start, end } of sentences)
  console.log(text, score, start, end); // UTF-16 units, as JavaScript counts
