import TensorFlowLiteTaskText

// It reads the texts itself: __MAX_LENGTH__ tokens of both together.
let question = __QUESTION__
let context = __CONTEXT__
let path = Bundle.main.path(forResource: "__STEM__", ofType: "tflite")!
let answerer = TFLBertQuestionAnswerer.questionAnswerer(modelPath: path)
for answer in answerer.answer(context: context, question: question).prefix(__TOP_K__) {
    print(answer.text, answer.pos.logit)
}
