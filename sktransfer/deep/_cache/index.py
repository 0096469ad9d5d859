"""The places of rows in files, by key: in memory, and small."""

import numpy as np

KEY_SIZE = 32


class Index:
    """The places of rows by key: 28 bytes a row, and more for those added last."""

    _AT_ONCE = 2**16
    _PLACE = np.dtype([("file", "u4"), ("offset", "u8"), ("n_values", "u4"), ("sum", "u4")])

    def __init__(self):
        self._recent = {}
        self._shorts = np.empty(0, np.uint64)
        self._places = np.empty(0, self._PLACE)

    def add(self, number, block):
        """Note the rows of a block of a file."""
        n_bytes = 4 * block.n_values
        offset = block.offset + block.length - n_bytes * len(block.keys)
        shorts = _shortened(block.keys).tolist()
        for short, checksum in zip(shorts, block.checksums, strict=True):
            self._recent[short] = (number, offset, block.n_values, checksum)
            offset += n_bytes
        if len(self._recent) > self._AT_ONCE:
            shorts = np.fromiter(self._recent, np.uint64, len(self._recent))
            places = np.array(list(self._recent.values()), self._PLACE)
            self._recent = {}
            shorts = np.concatenate([self._shorts, shorts])
            places = np.concatenate([self._places, places])
            order = np.argsort(shorts, kind="stable")
            self._shorts, self._places = shorts[order], places[order]

    def find(self, keys):
        """Return (file, offset, number of values, checksum) or None for each key."""
        shorts = _shortened(keys)
        found = [self._recent.get(short) for short in shorts.tolist()]
        if len(self._shorts):
            at = np.searchsorted(self._shorts, shorts)
            at[at == len(self._shorts)] = 0
            known = self._shorts[at] == shorts
            for position in np.flatnonzero(known):
                found[position] = found[position] or self._places[at[position]].item()
        return found

    def drop(self, number):
        """Forget the rows of a file."""
        self._recent = {s: place for s, place in self._recent.items() if place[0] != number}
        kept = self._places["file"] != number
        self._shorts, self._places = self._shorts[kept], self._places[kept]


def _shortened(keys):
    """Return a number of 64 bits for each key, from its two halves."""
    words = np.frombuffer(b"".join(keys), dtype="<u8").reshape(len(keys), KEY_SIZE // 8)
    return words[:, 1] ^ words[:, 3]
