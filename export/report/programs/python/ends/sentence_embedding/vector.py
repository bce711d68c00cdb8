print(output @ output)  # of two texts: how alike they are
