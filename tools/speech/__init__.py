"""Train the network for speech that ships with sktransfer, from synthetic voices alone."""
