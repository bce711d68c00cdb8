import numpy as np
from ai_edge_litert.interpreter import InterpreterWithCustomOps
from tensorflow_text.core.pybinds.tflite_registrar import SELECT_TFTEXT_OPS

interpreter = InterpreterWithCustomOps(SELECT_TFTEXT_OPS, model_path="__FILE__")
answer = interpreter.get_signature_runner()
print(answer(text=np.array([__GIVEN__.encode()], dtype=object))["__OUTPUT__"])
