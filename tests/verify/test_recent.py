"""What is in use stays known, and no more is kept than was said."""

from hypothesis import given
from hypothesis import strategies as st

from authsvc.verify.recent import Recent

CAPACITY = 4


@given(st.lists(st.integers(0, 9), max_size=80))
def test_it_is_bounded_gives_each_key_its_own_and_keeps_the_latest_half(keys: list[int]) -> None:
    recent: Recent[int, str] = Recent(CAPACITY)
    for position, key in enumerate(keys):
        found = recent.find(key)

        assert found in (None, f"value {key}")
        if key in keys[max(0, position - CAPACITY // 2) : position]:
            assert found is not None
        if found is None:
            recent.keep(key, f"value {key}")
        assert recent.find(key) == f"value {key}"
        assert len(recent) <= CAPACITY
