"""What is begun ahead: its result and its failure come where it is asked for, and nobody waits before that."""

import threading

import pytest

from engine.core.errors import WorldFileError
from engine.play.ahead import Ahead


def test_it_is_made_meanwhile_and_once() -> None:
    goes_on, made = threading.Event(), []

    def make() -> int:
        assert goes_on.wait(10)
        made.append(threading.current_thread())
        return 7

    ahead = Ahead(make)
    assert made == []
    goes_on.set()
    assert ahead.result() == ahead.result() == 7
    assert len(made) == 1 and made[0] is not threading.current_thread() and made[0].daemon


def test_what_goes_wrong_is_told_to_who_asks() -> None:
    def make() -> int:
        raise WorldFileError("there is no such world")

    ahead = Ahead(make)
    for _ in range(2):
        with pytest.raises(WorldFileError, match="no such world"):
            ahead.result()
