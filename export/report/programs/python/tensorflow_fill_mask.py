import tensorflow as tf
import tensorflow_text  # registers the operations of the tokenizer

with open("__VOCABULARY__", encoding="utf-8") as file:
    tokens = file.read().split("\n")
words = [__TARGETS__]  # to choose among; none: all of the vocabulary
model = tf.saved_model.load("__FILE__").signatures["__VERB__"]
scores = model(text=tf.constant([__TEXT__]))["scores"][0].numpy()
wanted = [tokens.index(word) for word in words] or range(len(scores))
for token in sorted(wanted, key=lambda token: -scores[token])[:__TOP_K__]:
    print(round(float(scores[token]), 3), tokens[token])
