from kerasbert.runtime import load

answer = load(".")  # this folder
print(answer(__GIVEN__))
