"""From what users pass as sounds to the batches that a network takes; no network is known here."""
