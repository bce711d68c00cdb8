val output = outputs[0].getValue("__OUTPUT__")
println(output[0])
