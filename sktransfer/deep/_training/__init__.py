"""How fine-tuning trains; `phases` is where to begin to read."""
