"""How a network is adapted to a target domain: a small description for each method."""
