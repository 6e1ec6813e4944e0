"""Digests see every byte, know where sections end, and take -0.0 for 0.0."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.core.digest import canonical_bytes, digest_of, digest_text, first_difference

SECTIONS = st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=20)), max_size=5, unique_by=lambda s: s[0])


def test_negative_zero_is_zero() -> None:
    for dtype in (np.float32, np.float64):
        assert canonical_bytes(np.array([-0.0, 1.5], dtype)) == canonical_bytes(np.array([0.0, 1.5], dtype))


def test_layout_and_byte_order_do_not_matter() -> None:
    a = np.arange(12, dtype=np.float64).reshape(3, 4)
    assert canonical_bytes(a) == canonical_bytes(np.asfortranarray(a)) == canonical_bytes(a.astype(">f8"))


@given(SECTIONS, SECTIONS)
def test_equal_sections_and_only_these_have_equal_digests(
    a: list[tuple[str, bytes]], b: list[tuple[str, bytes]]
) -> None:
    assert (digest_of(a) == digest_of(b)) == (a == b)
    assert (first_difference(a, b) is None) == (dict(a) == dict(b))


def test_bytes_cannot_move_between_sections() -> None:
    assert digest_of([("a", b"12"), ("b", b"")]) != digest_of([("a", b"1"), ("b", b"2")])


def test_the_first_differing_section_is_named() -> None:
    assert first_difference([("a", b""), ("b", b"1"), ("c", b"1")], [("a", b""), ("b", b"2"), ("c", b"2")]) == "b"
    assert first_difference([("a", b"")], [("a", b""), ("z", b"")]) == "z"


def test_text_has_sixteen_digits() -> None:
    assert digest_text(0xAB) == "00000000000000ab"
