"""Answers from a bundle, with NumPy, `tokenizers` and one engine. It imports neither TensorFlow nor Keras.

```python
from kerasbert.runtime import load

load("bundle/")("a lovely film")                  # {"label": "positive", "score": 0.98}
```
"""

from kerasbert.runtime.pipelines import Pipeline, load

__all__ = ["Pipeline", "load"]
