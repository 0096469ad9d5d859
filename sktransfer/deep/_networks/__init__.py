"""Pretrained networks: read, cut into stages, and run."""
