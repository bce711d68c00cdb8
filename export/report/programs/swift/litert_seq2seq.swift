import Foundation
import TensorFlowLite

let rows: [[Int32]] = [  // __TEXTS__
    __IDS__
]
let path = Bundle.main.path(forResource: "__STEM__", ofType: "tflite")!
let interpreter = try Interpreter(modelPath: path)
let encoder = try interpreter.signatureRunner(with: "encoder___LENGTH__")
let decoder = try interpreter.signatureRunner(with: "decoder_step___LENGTH__")
let file = Bundle.main.path(forResource: "vocab", ofType: "txt")!  // __VOCABULARY__
let tokens = try String(contentsOfFile: file, encoding: .utf8).components(separatedBy: "\n")

func data<T>(_ values: [T]) -> Data {
    values.withUnsafeBufferPointer { Data(buffer: $0) }
}
func padded(_ values: [Int32], with pad: Int32) -> Data {
    data(values + Array(repeating: pad, count: __LENGTH__ - values.count))
}
func floats(_ tensor: Tensor) -> [Float] {
    tensor.data.withUnsafeBytes { Array($0.bindMemory(to: Float32.self)) }
}
func write(_ ids: [Int32]) throws -> String {  // the likeliest token each time
    let source = [
        __INPUTS__
    ]
    try encoder.invoke(with: source)
    let memory = try encoder.output(named: "memory").data
    var cache = [Float](repeating: 0, count: __MAX_NEW_TOKENS__ * __WIDTH__)
    var text: [Int32] = [__DECODER_START_TOKEN_ID__]
    for position in 0..<__MAX_NEW_TOKENS__ {
        try decoder.invoke(with: [
            "decoder_input_ids": data([text.last!]),
            "decoder_position": data([Int32(position)]),
            "attention_mask": source["attention_mask"]!,
            "memory": memory,
            "cache": data(cache),
        ])
        let logits = floats(try decoder.output(named: "logits"))
        let entry = floats(try decoder.output(named: "cache_entry"))
        cache.replaceSubrange(position * __WIDTH__..<(position + 1) * __WIDTH__, with: entry)
        text.append(Int32(logits.indices.max { logits[$0] < logits[$1] }!))
        if text.last! == __EOS_TOKEN_ID__ { break }
    }
    let pieces = text.map { tokens[Int($0)] }.filter { ![__SPECIAL__].contains($0) }
    return pieces.joined(separator: " ").replacingOccurrences(of: " ##", with: "")
        .replacingOccurrences(of: " ([.?!,])", with: "$1", options: .regularExpression)
}
print(try rows.map(write).joined(separator: " "))
