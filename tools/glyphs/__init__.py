"""Train the network that ships with sktransfer, from the printed faces of free fonts."""
