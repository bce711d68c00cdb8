const answers = task.answers({ texts, rows, outputs }, settings);
for (const { answer, score, start, end } of answers.slice(0, settings.top_k))
  console.log(answer, score, start, end); // UTF-16 units, as JavaScript counts
