"""Persistence of trained networks: checkpoints, saved estimators, ONNX files."""
