"""The few things that a process has used last: sessions, built stages, copies of networks."""

import threading
from collections import OrderedDict


class Recent:
    """Keep the last few values by key; several threads may use it.

    `functools.lru_cache` does this if the arguments are the key. Here the key is shorter than the
    arguments of the constructor, and a value is created once, also if two threads ask for it.
    """

    def __init__(self, size):
        self.size = size
        self._items = OrderedDict()
        self._lock = threading.RLock()

    def get(self, key, make):
        """Return the value of a key; ``make()`` makes it if the key is new."""
        with self._lock:
            if key not in self._items:
                self._items[key] = make()
                while len(self._items) > self.size:
                    self._items.popitem(last=False)
            self._items.move_to_end(key)
            return self._items[key]

    def find(self, key):
        """Return the value of a key, or None if it is not kept."""
        with self._lock:
            return self._items.get(key)

    def __iter__(self):
        """Iterate over the keys; the one that was used last is at the end."""
        return iter(list(self._items))

    def __getstate__(self):
        return {"size": self.size}

    def __setstate__(self, state):
        self.__init__(**state)

    def clear(self):
        """Forget all values."""
        with self._lock:
            self._items.clear()
