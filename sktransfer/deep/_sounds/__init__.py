"""From the sounds of users to the batches of a network; no network is known here."""
