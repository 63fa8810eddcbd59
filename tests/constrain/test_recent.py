"""The cache keeps what was asked for last, by size, and gives all threads the same value."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from constrain.recent import Recent


def test_what_was_not_asked_for_longest_goes_first() -> None:
    cache: Recent[str, int] = Recent(limit=10)
    cache.add("a", 1, 4)
    cache.add("b", 2, 4)
    assert cache.get("a") == 1
    cache.add("c", 3, 4)
    assert [cache.get(key) for key in "abc"] == [1, None, 3]
    assert cache.size == 8


def test_the_last_value_stays_however_large() -> None:
    cache: Recent[str, int] = Recent(limit=10)
    cache.add("a", 1, 4)
    cache.add("b", 2, 40)
    assert (cache.get("a"), cache.get("b"), len(cache)) == (None, 2, 1)
    cache.add("c", 3, 1)
    assert (cache.get("b"), cache.get("c"), cache.size) == (None, 3, 1)


def test_the_first_value_under_a_key_is_everyones() -> None:
    cache: Recent[int, object] = Recent(limit=1000)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: (n % 7, cache.add(n % 7, object(), 1)), range(500)))
    assert len(set(found)) == 7
    assert cache.size == 7
