import com.google.mediapipe.tasks.text.textembedder.TextEmbedder

val embedder = TextEmbedder.createFromFile(context, "__FILE__")  // in assets/
val output = embedder.embed(__TEXT__).embeddingResult().embeddings().first().floatEmbedding()
println(output.sumOf { it.toDouble() * it })  // of two texts: how alike they are
