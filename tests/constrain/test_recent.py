"""The cache keeps what was asked for last, by size, and gives all threads the same value."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from constrain.recent import Recent


def test_what_was_not_asked_for_longest_goes_first() -> None:
    cache: Recent[str, bytes] = Recent(limit=10, size=len)
    cache.add("a", b"1111")
    cache.add("b", b"2222")
    assert cache.get("a") == b"1111"
    cache.add("c", b"3333")
    assert [cache.get(key) for key in "abc"] == [b"1111", None, b"3333"]
    assert cache.size == 8


def test_the_last_value_stays_however_large() -> None:
    cache: Recent[str, bytes] = Recent(limit=10, size=len)
    cache.add("a", b"1111")
    cache.add("b", b"2" * 40)
    assert (cache.get("a"), cache.get("b"), len(cache)) == (None, b"2" * 40, 1)
    cache.add("c", b"3")
    assert (cache.get("b"), cache.get("c"), cache.size) == (None, b"3", 1)


def test_a_value_that_grew_counts_as_what_it_has_become() -> None:
    cache: Recent[str, list[int]] = Recent(limit=10, size=len)
    first = cache.add("a", [])
    cache.add("b", [1])
    first += range(20)
    assert len(cache) == 2
    cache.add("c", [1])
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (None, [1], [1])


def test_nothing_is_left_after_clearing() -> None:
    cache: Recent[str, bytes] = Recent(limit=10, size=len)
    cache.add("a", b"1111")
    cache.clear()
    assert (cache.get("a"), len(cache), cache.size) == (None, 0, 0)


def test_the_first_value_under_a_key_is_everyones() -> None:
    cache: Recent[int, object] = Recent(limit=1000, size=lambda _: 1)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: (n % 7, cache.add(n % 7, object())), range(500)))
    assert len(set(found)) == 7
    assert cache.size == 7
