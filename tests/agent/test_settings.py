from __future__ import annotations

from pathlib import Path

import pytest

from agent import Settings, SettingsError


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [n for n in os.environ if n.startswith("KOTAE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "settings.toml"))


def test_the_later_source_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().port == 7860
    (tmp_path / "settings.toml").write_text("port = 1111\nweb = 'off'\n")
    assert Settings.load().port == 1111
    monkeypatch.setenv("KOTAE_PORT", "2222")
    assert Settings.load().port == 2222
    assert Settings.load(port=3333).port == 3333
    assert Settings.load(port=None).web == "off"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour = 'red'", "Unknown setting 'colour'"),
        ("port = 'many'", "Setting 'port'"),
        ("web = 'maybe'", "Setting 'web'"),
        ("passages = 0", "Setting 'passages'"),
        ("port = ", "not valid TOML"),
    ],
)
def test_a_bad_file_is_one_line_that_names_the_key(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(SettingsError, match=message) as caught:
        Settings.load()
    assert "\n" not in str(caught.value)


def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTAE_MODLE", "x")
    with pytest.raises(SettingsError, match="modle"):
        Settings.load()


def test_a_key_is_never_shown() -> None:
    settings = Settings(api_key="sk-very-secret")  # type: ignore[arg-type]
    assert "very-secret" not in repr(settings)
    assert "very-secret" not in str(settings.model_dump())


def test_a_bad_key_is_not_repeated_in_the_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("api_key = ['sk-very-secret']")
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "origins"),
    [
        ("", ()),
        ("https://a.example", ("https://a.example",)),
        ("https://a.example, https://b.example", ("https://a.example", "https://b.example")),
    ],
)
def test_origins_are_a_list(monkeypatch: pytest.MonkeyPatch, value: str, origins: tuple[str, ...]) -> None:
    monkeypatch.setenv("KOTAE_EMBED_ORIGINS", value)
    assert Settings.load().embed_origins == origins
    monkeypatch.delenv("KOTAE_EMBED_ORIGINS")
    Settings.store("embed_origins", value)
    assert Settings.load().embed_origins == origins


@pytest.mark.parametrize(
    ("value", "servers"),
    [("", ()), ("intranet, 192.168.1.7:8080", ("intranet", "192.168.1.7:8080")), ("[fd00::1]:80", ("[fd00::1]:80",))],
)
def test_servers_that_may_be_reached(value: str, servers: tuple[str, ...]) -> None:
    Settings.store("egress_allow", value)
    assert Settings.load().egress_allow == servers
    assert Settings.load(collections=value).collections == tuple(servers)


@pytest.mark.parametrize("value", ["http://intranet", "intranet/path", "user@intranet", "0x7f.1", "a b", "x:y"])
def test_what_is_no_server(value: str) -> None:
    with pytest.raises(SettingsError, match="is no server"):
        Settings.load(egress_allow=value)


def test_storing_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("# my settings\nport = 1111\n")
    assert Settings.store("model", "small") == path
    assert path.read_text().startswith("# my settings")
    assert Settings.load().model == "small"
    assert Settings.load().port == 1111
