"""A cache that forgets what has not been asked for longest, by size and not by number."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Recent"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The values last asked for, as many as have `limit` bytes together; the very last one always. Safe in threads."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._lock = threading.Lock()
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def add(self, key: K, value: V, size: int) -> V:
        """The value known under `key`, which is `value`, of `size` bytes, unless another thread was first."""
        with self._lock:
            if key not in self._values:
                self._values[key] = (value, size)
                self.size += size
            self._values.move_to_end(key)
            while self.size > self.limit and len(self._values) > 1:
                self.size -= self._values.popitem(last=False)[1][1]
            return self._values[key][0]

    def __len__(self) -> int:
        return len(self._values)
