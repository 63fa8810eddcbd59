"""A cache that forgets what has not been asked for longest, by size and not by number."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["Recent"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The values last asked for, as many as have `limit` bytes together; the very last one always. Safe in threads.

    `size` tells the bytes of a value. Values may grow while they are here: what they have become counts as soon as
    another one is added.
    """

    def __init__(self, limit: int, size: Callable[[V], int]) -> None:
        self.limit = limit
        self._size = size
        self._lock = threading.Lock()
        self._values: OrderedDict[K, V] = OrderedDict()

    @property
    def size(self) -> int:
        """The bytes of all values."""
        return sum(map(self._size, [*self._values.values()]))

    def get(self, key: K) -> V | None:
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key]

    def add(self, key: K, value: V) -> V:
        """The value known under `key`, which is `value` unless another thread was first."""
        with self._lock:
            value = self._values.setdefault(key, value)
            self._values.move_to_end(key)
            excess = self.size - self.limit
            while excess > 0 and len(self._values) > 1:
                excess -= self._size(self._values.popitem(last=False)[1])
            return value

    def clear(self) -> None:
        with self._lock:
            self._values.clear()

    def __len__(self) -> int:
        return len(self._values)
