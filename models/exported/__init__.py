"""Networks outside torch: as ONNX files, and run by onnxruntime."""
