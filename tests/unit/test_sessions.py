"""Sessions and the patience with wrong tokens, by a clock of our own."""

import pytest

from srunx_web.core.errors import Denied, Unauthorized
from srunx_web.sessions import FREE_TRIES, LIFETIME, LONGEST_PAUSE, MOST_CLIENTS, MOST_SESSIONS, Sessions

TOKEN = "correct horse battery staple"


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sessions(clock):
    return Sessions(TOKEN, "srunx_8000", clock)


def guess(sessions, clock, times):
    """Wrong tokens, each as soon as it is listened to."""
    for number in range(times):
        clock.now += sessions.pause("guesser")
        with pytest.raises(Unauthorized):
            sessions.check_token(f"guess {number}", "guesser")


def test_the_pause_grows_to_a_bound_and_ends_with_the_right_token(sessions, clock):
    guess(sessions, clock, 50)
    assert sessions.pause("guesser") == LONGEST_PAUSE
    with pytest.raises(Denied, match=f"{LONGEST_PAUSE} s"):
        sessions.check_token(TOKEN, "guesser")
    clock.now += LONGEST_PAUSE
    sessions.check_token(TOKEN, "guesser")
    guess(sessions, clock, FREE_TRIES - 1)
    assert sessions.pause("guesser") == 0


def test_one_who_guesses_does_not_lock_out_others(sessions, clock):
    guess(sessions, clock, 20)
    sessions.check_token(TOKEN, "somebody else")


def test_a_program_that_repeats_an_outdated_token_locks_nobody_out(sessions):
    for _ in range(50):
        with pytest.raises(Unauthorized):
            sessions.check_token("last year's", "127.0.0.1")
    sessions.check_token(TOKEN, "127.0.0.1")


def test_no_more_clients_are_remembered_than_fit(sessions, clock):
    guess(sessions, clock, FREE_TRIES)
    for number in range(MOST_CLIENTS):
        assert sessions.pause("guesser") == 1
        with pytest.raises(Unauthorized):
            sessions.check_token("wrong", f"client {number}")
    assert sessions.pause("guesser") == 0


def test_a_session_ends_with_its_time(sessions, clock):
    session = sessions.open(TOKEN, "us")
    clock.now += LIFETIME - 1
    assert sessions.holds(session, "us")
    clock.now += 1
    assert not sessions.holds(session, "us")


def test_the_oldest_session_makes_room(sessions):
    opened = [sessions.open(TOKEN, "us") for _ in range(MOST_SESSIONS + 1)]
    assert [sessions.holds(session, "us") for session in opened] == [False] + [True] * MOST_SESSIONS
