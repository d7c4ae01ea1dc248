"""Passwords: what is refused, and how they are kept (argon2id, with the parameters of RFC 9106, section 4)."""

from __future__ import annotations

import secrets
import unicodedata
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ui.people.errors import PeopleError

SHORTEST = 10
"""Characters. What they are is not prescribed: NIST SP 800-63B, section 3.1.1.2."""
LONGEST = 200
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Of passwords that are handed on: none that is mistaken for another one."""
_COMMON = frozenset(
    """
    0123456789 1234567890 12345678910 123456789a 1234567891 123123123123 1111111111 0000000000 0987654321 9876543210
    1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc qwertyuiop qwerty12345 qwerty123456 qwertyuiop123 asdfghjkl123 zaq12wsxcde3
    password12 password123 password1234 password12345 passwordpassword passw0rd123 p@ssword123 p@ssw0rd123 mypassword
    abcdefghij abcdefghijk abc123abc123 abcd123456 a123456789 aa123456789 iloveyou123 ilovejesus welcome123 welcome1234
    letmein123 administrator admin12345 admin123456 changeme123 computer123 football123 baseball123 princess123
    sunshine123 superman123 kotaekotae konnichiwa arigatougozaimasu sakurasakura doraemon123 pokemon123 tokyo12345
    """.split()
)


def normal(password: str) -> str:
    """A password as it is compared: keyboards and input methods write the same characters in several ways."""
    return unicodedata.normalize("NFKC", password)


def check(password: str, name: str) -> None:
    """Raises `PeopleError` for a password that is not good enough for `name`."""
    text = normal(password)
    if len(text) < SHORTEST:
        raise PeopleError("too_short", f"A password has at least {SHORTEST} characters.")
    if len(text) > LONGEST:
        raise PeopleError("too_long", f"A password has at most {LONGEST} characters.")
    folded = text.casefold()
    if folded in _COMMON or len(set(folded)) < 4 or folded == normal(name).casefold():
        raise PeopleError("common", "This password is among the first that are tried; choose another.")


def handed_on() -> str:
    """A password for somebody else, to be read aloud: 16 characters in groups, 79 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


class Passwords:
    """Hashes and verifies. Each takes some 50 ms and 64 MB, which is what makes guessing dear."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()

    def hashed(self, password: str) -> str:
        return self._hasher.hash(normal(password))

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the `stored` one. Takes as long where there is none."""
        try:
            self._hasher.verify(stored or self._nobodys, normal(password)[: LONGEST + 1])
        except (VerificationError, InvalidHashError):
            return False
        return bool(stored)

    def outdated(self, stored: str) -> bool:
        """Whether it was hashed with other parameters than are used now."""
        return self._hasher.check_needs_rehash(stored)

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash(secrets.token_urlsafe())
