"""Rows of features that were computed before, and files that were hashed before."""
