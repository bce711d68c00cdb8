import MediaPipeTasksText

let path = Bundle.main.path(forResource: "__STEM__", ofType: "tflite")!
let embedder = try TextEmbedder(modelPath: path)
let embeddings = try embedder.embed(text: __TEXT__).embeddingResult.embeddings
let output = embeddings[0].floatEmbedding!.map { $0.floatValue }
print(output.reduce(0) { $0 + $1 * $1 })  // of two texts: how alike they are
