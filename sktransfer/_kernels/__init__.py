"""Formulas: arrays and keyword-only numbers in, arrays out.

No validation, no estimators, no global state, and nothing of ours is imported here but kernels.
"""
