import org.tensorflow.lite.task.text.qa.BertQuestionAnswerer

// It reads the texts itself: __MAX_LENGTH__ tokens of both together.
val question = __QUESTION__
val text = __CONTEXT__
val answerer = BertQuestionAnswerer.createFromFile(context, "__FILE__")  // in assets/
for (answer in answerer.answer(text, question).take(__TOP_K__)) {
    println("${answer.text} ${answer.pos.logit}")
}
