"""From what users pass as images to the batches that a network takes; no network is known here."""
