from mediapipe.tasks.python.text import TextEmbedder

with TextEmbedder.create_from_model_path("__FILE__") as embedder:
    embedding = embedder.embed(__TEXT__).embeddings[0].embedding
print(embedding @ embedding)  # of two texts: how alike they are
