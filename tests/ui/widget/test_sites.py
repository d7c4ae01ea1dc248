"""Sites are kept, counted and forgotten."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ui.widget.site import Site
from ui.widget.sites import LogoError, Sites, SiteUnknown

PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)


def made(sites: Sites, **given: object) -> Site:
    site = Site.model_validate({"id": Sites.new_id(), "name": "Shop", **given})
    sites.put(site)
    return site


def test_what_is_kept_is_there_for_the_next_program(tmp_path: Path) -> None:
    site = made(Sites(tmp_path), origins=["https://a.example"], look={"texts": {"ja": {"title": "お店"}}})
    assert Sites(tmp_path).find(site.id) == site
    assert Sites(tmp_path).all() == [site]
    assert Sites(tmp_path).find("nosuchsite12") is None


def test_a_removed_site_leaves_nothing(tmp_path: Path) -> None:
    sites = Sites(tmp_path)
    site = made(sites)
    assert sites.count(site, "v") is None
    sites.remove(site.id)
    assert sites.all() == []
    assert sites.asked(site.id) == {}
    with pytest.raises(SiteUnknown):
        sites.remove(site.id)
    with pytest.raises(SiteUnknown):
        sites.set_logo(site.id, PNG)


def test_limits_hold_for_each_visitor_and_for_all(tmp_path: Path) -> None:
    sites = Sites(tmp_path)
    site = made(sites, daily=5, daily_each=2)
    assert [sites.count(site, "a") for _ in range(3)] == [None, None, "visitor_limit"]
    assert [sites.count(site, name) for name in "bcde"] == [None, None, None, "site_limit"]
    assert list(sites.asked(site.id).values()) == [5]
    assert sites.count(made(sites, daily=5, daily_each=2), "a") is None, "another site has limits of its own"


def test_limits_hold_when_many_ask_at_once(tmp_path: Path) -> None:
    sites = Sites(tmp_path)
    site = made(sites, daily=20, daily_each=100)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: sites.count(site, "a"), range(60)))
    assert found.count(None) == 20


def test_old_days_are_forgotten(tmp_path: Path) -> None:
    sites = Sites(tmp_path)
    site = made(sites)
    with sqlite3.connect(tmp_path / "sites.db") as db:
        db.execute("INSERT INTO asked VALUES (?, '2020-01-01', 'a', 7)", (site.id,))
    db.close()
    sites.count(site, "a")
    assert "2020-01-01" not in sites.asked(site.id)


@pytest.mark.parametrize(
    ("picture", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0" + bytes(50), "image/jpeg"),
        (b"GIF89a" + bytes(50), "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    ],
)
def test_a_logo_is_known_by_its_bytes(tmp_path: Path, picture: bytes, kind: str) -> None:
    sites = Sites(tmp_path)
    site = made(sites)
    assert sites.set_logo(site.id, picture).logo == kind
    assert sites.logo(site.id) == picture
    changed = site.model_copy(update={"name": "New", "logo": kind})
    sites.put(changed)
    assert sites.logo(site.id) == picture, "changing the site keeps its logo"
    assert sites.set_logo(site.id, b"").logo == ""
    assert sites.logo(site.id) is None


@pytest.mark.parametrize(
    "picture", [b"<svg onload=alert(1)>", b"<html>", b"RIFF....WAVE", bytes(10), PNG + bytes(200_000)]
)
def test_what_is_no_small_picture_is_no_logo(tmp_path: Path, picture: bytes) -> None:
    sites = Sites(tmp_path)
    site = made(sites)
    with pytest.raises(LogoError):
        sites.set_logo(site.id, picture)
    assert sites.logo(site.id) is None
