"""A trained network as an ONNX file, for programs without torch."""
