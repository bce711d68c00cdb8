import Foundation
import TensorFlowLite

func padded(_ values: [Int32], with pad: Int32) -> Data {
    let row = values + Array(repeating: pad, count: __LENGTH__ - values.count)
    return row.withUnsafeBufferPointer { Data(buffer: $0) }
}

let ids: [Int32] = [__IDS__]  // __TEXT__
let path = Bundle.main.path(forResource: "__STEM__", ofType: "tflite")!
let interpreter = try Interpreter(modelPath: path)
let model = try interpreter.signatureRunner(with: "__SIGNATURE__")
try model.invoke(with: [
__INPUTS__
])
let bytes = try model.output(named: "__OUTPUT__").data
let output = bytes.withUnsafeBytes { Array($0.bindMemory(to: Float32.self)) }
__END__
