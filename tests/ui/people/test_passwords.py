from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from tests.ui.people.town import CHEAP, Clock
from ui.people.errors import PeopleError, ThrottledError
from ui.people.passwords import LONGEST, SHORTEST, Passwords, check, handed_on
from ui.people.throttle import FREE, Throttle


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("x" * (SHORTEST - 1), "too_short"),
        ("日本語だけ", "too_short"),
        ("x y z " * 40, "too_long"),
        ("password123", "common"),
        ("PassWord123", "common"),
        ("ｐａｓｓｗｏｒｄ１２３", "common"),
        ("aaaaaaaaaaaa", "common"),
        ("1212121212121", "common"),
        ("Anna Andersson", "common"),
        ("Ａnna andersson", "common"),
    ],
)
def test_what_is_refused(password: str, reason: str) -> None:
    with pytest.raises(PeopleError) as caught:
        check(password, "Anna Andersson")
    assert caught.value.reason == reason
    assert password not in str(caught.value)


@pytest.mark.parametrize("password", ["correct horse", "さくらが咲いたら会いましょう", "x7!kd93ksl", "a b c d e f"])
def test_what_is_taken(password: str) -> None:
    check(password, "Anna")


def test_what_is_kept_is_argon2id() -> None:
    passwords = Passwords(CHEAP)
    kept = passwords.hashed("correct horse")
    assert kept.startswith("$argon2id$")
    assert passwords.verify(kept, "correct horse")
    assert not passwords.verify(kept, "correct horsE")
    assert passwords.hashed("correct horse") != kept, "salted"
    assert Passwords().outdated(kept)
    assert PasswordHasher().memory_cost >= 64 * 1024


@pytest.mark.parametrize("stored", [None, "", "no hash", "$argon2id$v=19$m=8,t=1,p=1$x"])
def test_what_is_no_hash_is_nobodys_password(stored: str | None) -> None:
    assert not Passwords(CHEAP).verify(stored, "")
    assert not Passwords(CHEAP).verify(stored, "correct horse")


def test_the_same_characters_typed_otherwise_are_the_same_password() -> None:
    passwords = Passwords(CHEAP)
    assert passwords.verify(passwords.hashed("ガギグゲゴ１２３４５"), "ｶﾞｷﾞｸﾞｹﾞｺﾞ12345")


def test_a_long_one_is_not_cut() -> None:
    passwords = Passwords(CHEAP)
    kept = passwords.hashed("ab" * (LONGEST // 2))
    assert not passwords.verify(kept, "ab" * (LONGEST // 2) + "c")


def test_one_to_hand_on_is_good_enough() -> None:
    made = {handed_on() for _ in range(100)}
    assert len(made) == 100
    for one in made:
        check(one, "Anna")


def test_many_attempts_at_once_count_before_any_has_failed() -> None:
    throttle = Throttle(Clock())
    for _ in range(FREE):
        throttle.attempt("anna", "10.0.0.1")
    with pytest.raises(ThrottledError):
        throttle.attempt("anna", "10.0.0.2")
    throttle.attempt("ben", "10.0.0.2")


def test_what_is_counted_stays_bounded_and_is_forgotten() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for n in range(12_000):
        throttle.attempt(f"n{n}", f"a{n}")
    assert len(throttle._counts) <= 10_000
    for _ in range(FREE):
        throttle.attempt("anna", "x")
    clock.now += 3601
    throttle.attempt("anna", "x")
    throttle.attempt("anna", "x")
