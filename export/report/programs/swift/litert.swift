import Foundation
import TensorFlowLite

let rows: [[Int32]] = [  // __TEXTS__
    __IDS__
]
let path = Bundle.main.path(forResource: "__STEM__", ofType: "tflite")!
let interpreter = try Interpreter(modelPath: path)
let model = try interpreter.signatureRunner(with: "__SIGNATURE__")

func padded(_ values: [Int32], with pad: Int32, to length: Int = __LENGTH__) -> Data {
    precondition(values.count <= length, "\(values.count) tokens, not \(length) at most")
    let row = values + Array(repeating: pad, count: length - values.count)
    return row.withUnsafeBufferPointer { Data(buffer: $0) }
}
func infer(_ ids: [Int32]) throws -> [String: [Float]] {
    try model.invoke(with: [
        __INPUTS__
    ])
    return try [__OUTPUTS__].reduce(into: [:]) { found, name in
        let bytes = try model.output(named: name).data
        found[name] = bytes.withUnsafeBytes { Array($0.bindMemory(to: Float32.self)) }
    }
}
let outputs = try rows.map(infer)

__END__
