from mediapipe.tasks.python.text import TextClassifier

with TextClassifier.create_from_model_path("__FILE__") as classifier:
    best = classifier.classify(__TEXT__).classifications[0].categories[0]
print(best.category_name, best.score)
