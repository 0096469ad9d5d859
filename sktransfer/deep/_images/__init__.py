"""From the images of users to the batches of a network; no network is known here."""
