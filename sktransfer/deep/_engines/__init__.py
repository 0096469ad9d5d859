"""What computes the activations of a stage, and makes features of them."""
