"""ONNX files: read, described, cut at a stage, run by ONNX Runtime, and run by torch."""
