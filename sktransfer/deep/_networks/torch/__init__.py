"""Torch modules and the networks of model zoos: loaded, described, and cut into stages."""
