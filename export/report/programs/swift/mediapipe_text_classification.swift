import MediaPipeTasksText

let path = Bundle.main.path(forResource: "__STEM__", ofType: "tflite")!
let classifier = try TextClassifier(modelPath: path)
let result = try classifier.classify(text: __TEXT__).classificationResult
if let best = result.classifications.first?.categories.first {
    print(best.categoryName ?? "", best.score)
}
