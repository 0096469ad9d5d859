"""Training in fine-tuning; begin to read in `phases`."""
