"""The computation of a stage's activations, and of features from them."""
