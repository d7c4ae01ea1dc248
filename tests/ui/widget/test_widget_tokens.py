"""Tokens are good for one site, one origin, and a short time."""

from __future__ import annotations

from ui.widget.tokens import LIFE, Pace, Tokens, is_visitor, new_visitor


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_token_is_good_for_its_site_its_origin_and_its_time() -> None:
    clock = Clock()
    tokens = Tokens(clock)
    visitor = new_visitor()
    token = tokens.issue("s", "https://a.example", visitor)
    grant = tokens.find(token, "s", "https://a.example")
    assert grant is not None
    assert visitor not in grant.visitor
    assert tokens.find(token, "other", "https://a.example") is None
    assert tokens.find(token, "s", "https://b.example") is None
    assert tokens.find(token, "s", "") is None
    assert tokens.find(token + "x", "s", "https://a.example") is None
    assert tokens.find("", "s", "https://a.example") is None
    clock.now += LIFE + 1
    assert tokens.find(token, "s", "https://a.example") is None


def test_the_same_visitor_is_the_same_with_every_token() -> None:
    tokens, visitor = Tokens(), new_visitor()
    grants = [tokens.find(tokens.issue("s", "o", visitor), "s", "o") for _ in range(2)]
    assert {grant.visitor for grant in grants if grant} == {grants[0].visitor if grants[0] else ""}
    assert len({tokens.issue("s", "o", visitor) for _ in range(100)}) == 100


def test_tokens_that_ran_out_are_let_go() -> None:
    clock = Clock()
    tokens = Tokens(clock)
    for _ in range(50):
        tokens.issue("s", "o", "v")
    clock.now += LIFE + 1
    tokens.issue("s", "o", "v")
    assert len(tokens._grants) == 1


def test_a_visitor_is_43_characters() -> None:
    assert is_visitor(new_visitor())
    for text in ("", "short", "x" * 44, "x" * 42 + "/", "x" * 42 + "\n"):
        assert not is_visitor(text)


def test_a_pace_lets_some_through_and_says_when_the_next() -> None:
    clock = Clock()
    pace = Pace(2, 60, clock)
    assert [pace.wait("a"), pace.wait("a")] == [0, 0]
    assert pace.wait("a") == 60
    assert pace.wait("b") == 0
    clock.now += 59
    assert pace.wait("a") >= 1
    clock.now += 2
    assert pace.wait("a") == 0
