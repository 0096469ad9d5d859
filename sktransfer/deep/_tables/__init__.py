"""Tables for networks without pretrained weights: rows of numbers, dense or sparse."""
