import com.google.mediapipe.tasks.text.textclassifier.TextClassifier

val classifier = TextClassifier.createFromFile(context, "__FILE__")  // in assets/
val result = classifier.classify(__TEXT__).classificationResult()
val best = result.classifications().first().categories().first()
println(best.categoryName() + " " + best.score())
