"""robots.txt: who is asked, how often, and what each answer means."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.tools.web.site import Reply, Site, moved, serving
from tools.web import Egress, EgressError
from tools.web.robots import BYTES, KEPT, KEPT_TROUBLE, Robots


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


def text(body: str, **more: object) -> Reply:
    return Reply(body.encode(), "text/plain", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("robots", "path", "allowed"),
    [
        ("User-agent: *\nDisallow: /private", "/private/a", False),
        ("User-agent: *\nDisallow: /private", "/public", True),
        ("User-agent: *\nDisallow: /", "/", False),
        ("User-agent: *\nDisallow:", "/", True),
        ("User-agent: kotae\nDisallow: /\n\nUser-agent: *\nDisallow:", "/", False),
        ("User-agent: Kotae\nAllow: /\n\nUser-agent: *\nDisallow: /", "/x", True),
        ("User-agent: other\nDisallow: /", "/", True),
        ("User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/b/c", True),
        ("User-agent: *\nDisallow: /*.pdf$", "/x/y.pdf", False),
        ("User-agent: *\nDisallow: /*.pdf$", "/x/y.pdf?z", True),
        ("User-agent: *\nDisallow: /頁", "/%E9%A0%81", False),
        ("\ufeffUser-agent: *\nDisallow: /", "/", False),
        ("<html><body>A page for everything that is missing", "/", True),
        ("", "/", True),
        ("\0\x01\x02 : :::\nDisallow: /", "/", True),
    ],
)
def test_rules(site: Site, robots: str, path: str, allowed: bool) -> None:
    site.pages["/robots.txt"] = text(robots)
    assert Robots(site.egress()).allow(site.url(path), 5) == allowed
    assert site.agents == {"Kotae"}


@pytest.mark.parametrize(
    ("reply", "allowed"),
    [
        (Reply(status=404), True),
        (Reply(status=403), True),
        (Reply(status=401), True),
        (Reply(status=429), True),
        (Reply(status=500), False),
        (Reply(status=503), False),
        (moved("/rules"), False),
        (moved("/robots.txt"), True),
    ],
)
def test_answers_that_are_no_rules(site: Site, reply: Reply, allowed: bool) -> None:
    site.pages |= {"/robots.txt": reply, "/rules": text("User-agent: *\nDisallow: /")}
    assert Robots(site.egress()).allow(site.url("/x"), 5) == allowed


def test_a_site_that_is_not_there_allows_nothing(site: Site) -> None:
    robots = Robots(site.egress())
    url = site.url("/x")
    site.close()
    for _ in range(2):
        with pytest.raises(EgressError) as caught:
            robots.allow(url, 5)
        assert caught.value.reason == "unreachable"


def test_what_the_way_out_refuses_is_told_as_that() -> None:
    with serving() as site, pytest.raises(EgressError) as caught:
        Robots(Egress()).allow(site.url("/x"), 5)
    assert caught.value.reason == "refused"
    assert site.asked == []


def test_the_end_of_the_time_is_nobodys_answer(site: Site) -> None:
    site.pages["/robots.txt"] = text("User-agent: *\nDisallow: /x", delay=0.6)
    robots = Robots(site.egress())
    with pytest.raises(EgressError) as caught:
        robots.allow(site.url("/x"), 0.2)
    assert caught.value.reason == "too_slow"
    assert not robots.allow(site.url("/x"), 5), "asked again, and heard"


def test_only_the_beginning_of_a_long_one_is_read(site: Site) -> None:
    rules = "User-agent: *\nDisallow: /early\n" + "# " + "x" * (BYTES + 30_000_000) + "\nDisallow: /late\n"
    site.pages["/robots.txt"] = text(rules)
    robots = Robots(site.egress())
    assert not robots.allow(site.url("/early"), 10)
    assert robots.allow(site.url("/late"), 10)


def test_hostile_patterns_take_no_time(site: Site) -> None:
    site.pages["/robots.txt"] = text("User-agent: *\n" + f"Disallow: /{'*a' * 200}b\n" * 1000)
    assert Robots(site.egress()).allow(site.url("/" + "a" * 3000), 5)


def test_asked_once_an_hour_and_after_trouble_sooner(site: Site) -> None:
    site.pages["/robots.txt"] = text("User-agent: *\nDisallow: /x")
    clock = Clock()
    robots = Robots(site.egress(), clock)
    for path in ("/x", "/y", "/x"):
        assert robots.allow(site.url(path), 5) == (path == "/y")
    assert len(site.asked) == 1
    clock.now += KEPT + 1
    site.pages["/robots.txt"] = Reply(status=503)
    assert not robots.allow(site.url("/y"), 5)
    assert not robots.allow(site.url("/y"), 5)
    assert len(site.asked) == 2
    clock.now += KEPT_TROUBLE + 1
    site.pages["/robots.txt"] = Reply(status=404)
    assert robots.allow(site.url("/x"), 5)
    assert len(site.asked) == 3


def test_all_who_wait_share_one_answer(site: Site) -> None:
    site.pages["/robots.txt"] = text("User-agent: *\nDisallow: /7", delay=0.2)
    robots = Robots(site.egress())
    start = threading.Barrier(8)

    def ask(number: int) -> bool:
        start.wait(5)
        return robots.allow(site.url(f"/{number}"), 5)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [True] * 7 + [False]
    assert site.asked == ["/robots.txt"]


def test_each_origin_has_its_own(site: Site) -> None:
    site.pages["/robots.txt"] = text("User-agent: *\nDisallow: /")
    robots = Robots(site.egress("a.example", "b.example"))
    assert not robots.allow(site.url("/", "a.example"), 5)
    assert not robots.allow(site.url("/", "b.example"), 5)
    assert len(site.asked) == 2
