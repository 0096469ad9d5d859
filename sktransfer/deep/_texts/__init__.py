"""Texts as the input of a network: read, cut into tokens, and put into batches."""
