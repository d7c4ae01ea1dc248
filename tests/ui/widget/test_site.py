"""What an origin is, and what a site admits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ui.widget.site import Look, OriginError, Site, origin


def site(*origins: str, **given: object) -> Site:
    return Site.model_validate({"id": "abcdefghij12", "name": "Shop", "origins": origins, **given})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://www.example.com", "https://www.example.com"),
        (" https://www.example.com/ ", "https://www.example.com"),
        ("HTTPS://WWW.Example.COM", "https://www.example.com"),
        ("https://example.com:443", "https://example.com"),
        ("http://example.com:80", "http://example.com"),
        ("https://example.com:8443", "https://example.com:8443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://日本語.jp", "https://xn--wgv71a119e.jp"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_origin_reads_as_a_browser_writes_it(written: str, meant: str) -> None:
    assert origin(written) == meant


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", "no_scheme"),
        ("www.example.com", "no_scheme"),
        ("ftp://example.com", "no_scheme"),
        ("javascript://example.com", "no_scheme"),
        ("null", "no_scheme"),
        ("https://", "no_scheme"),
        ("https://example.com/shop", "only_origin"),
        ("https://example.com?x", "only_origin"),
        ("https://example.com/?", "only_origin"),
        ("https://example.com#x", "only_origin"),
        ("https://user@example.com", "only_origin"),
        ("https://*.example.com", "no_pattern"),
        ("*", "no_scheme"),
        ("https://exa mple.com", "no_origin"),
        ("https://example.com:0", "no_origin"),
        ("https://example.com:", "no_origin"),
        ("https://example.com:99999", "no_origin"),
        ("https://[::1", "no_origin"),
        ("https://-a.example", "no_origin"),
        ("https://a..example", "no_origin"),
    ],
)
def test_what_is_no_origin_is_refused_with_a_reason(written: str, code: str) -> None:
    with pytest.raises(OriginError) as refused:
        origin(written)
    assert refused.value.code == code


@given(st.text(max_size=40))
def test_whatever_is_written_is_an_origin_or_an_error(text: str) -> None:
    try:
        found = origin(text)
    except OriginError:
        return
    assert origin(found) == found


def test_without_origins_nobody_is_admitted() -> None:
    for one in ("https://example.com", "null", "", None, "*"):
        assert not site().admits(one)


def test_a_site_that_is_off_admits_nobody() -> None:
    assert site("https://example.com").admits("https://example.com")
    assert not site("https://example.com", on=False).admits("https://example.com")


def test_visitors_read_the_collections_of_the_site_and_teach_nothing() -> None:
    asker = site(collections=["faq"], web="ask").asker("v")
    assert asker.name == "site:abcdefghij12:v"
    assert asker.collections == {"faq"}
    assert asker.web == "ask"
    assert (asker.specialists, asker.teaches, asker.remembered) == (False, False, False)
    assert site().asker("v").collections == frozenset()


@pytest.mark.parametrize("colour", ["red", "#fff", "#gggggg", "#ffffff;}", "url(x)"])
def test_a_colour_is_six_digits(colour: str) -> None:
    with pytest.raises(ValidationError):
        Look(accent=colour)
