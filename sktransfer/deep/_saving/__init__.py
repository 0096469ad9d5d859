"""How what was trained is kept: checkpoints, files to load again, ONNX files."""
