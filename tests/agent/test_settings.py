from __future__ import annotations

from pathlib import Path

import pytest

from agent import Settings, SettingsError
from agent.settings import origins


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


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"web_providers": "bing"}, "'duckduckgo', 'searxng' or 'brave'"),
        ({"web_providers": "searxng"}, "needs the setting searxng_url; set that first"),
        ({"web_providers": "duckduckgo,brave"}, "needs the setting brave_key; set that first"),
        ({"web_providers": "brave", "brave_key": "  "}, "needs the setting brave_key"),
        ({"web_providers": ""}, "at least one"),
        ({"web_providers": "duckduckgo,duckduckgo"}, "once"),
        ({"web_providers": "searxng", "searxng_url": "localhost:8080"}, "It looks like http://localhost:8080"),
        ({"searxng_url": "ftp://localhost"}, "It looks like"),
        ({"web_region": "Japan"}, "such as us-en"),
        ({"web_region": "EN-us"}, "such as us-en"),
        ({"brave_key": "two words"}, "copy it again"),
    ],
)
def test_search_services_that_cannot_be_asked(given: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        Settings.load(**given)
    assert "\n" not in str(caught.value)


def test_search_services(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().web_providers == ("duckduckgo",)
    monkeypatch.setenv("KOTAE_SEARXNG_URL", "http://192.168.1.7:8080/searx")
    monkeypatch.setenv("KOTAE_BRAVE_KEY", " BSA-very-secret\n")
    Settings.store("web_providers", "searxng, duckduckgo,brave")
    settings = Settings.load(web_region="uk-en")
    assert settings.web_providers == ("searxng", "duckduckgo", "brave")
    assert settings.searxng_url == "http://192.168.1.7:8080/searx"
    assert settings.brave_key is not None
    assert settings.brave_key.get_secret_value() == "BSA-very-secret"
    assert "very-secret" not in repr(settings)


@pytest.mark.parametrize(
    "given",
    [
        {"brave_key": "very-secret \x00"},
        {"brave_key": ["very-secret"]},
        {"brave_key": "very-secret", "web_providers": "searxng"},
        {"brave_key": "very-secret", "web_region": "nowhere"},
        {"searxng_url": "http://me:very-secret@localhost"},
    ],
)
def test_no_message_holds_a_secret_of_a_search_service(given: dict[str, object]) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load(**given)
    assert "very-secret" not in str(caught.value)


def test_the_search_services_are_made_in_order(tmp_path: Path) -> None:
    from agent.wiring import web_tool
    from tools.library import E5

    settings = Settings.load(
        data_dir=tmp_path, web_providers="brave,searxng,duckduckgo", searxng_url="http://localhost:8080", brave_key="k"
    )
    assert [provider.name for provider, _ in web_tool(settings, E5())._search._providers] == list(
        settings.web_providers
    )
    assert list(tmp_path.iterdir()) == []


def test_several_are_stored_at_once_and_taken_out_again(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    Settings.store_all({"passages": "6", "egress_allow": "intranet, wiki:8080"})
    assert file.stat().st_mode & 0o777 == 0o600, "it may hold keys"
    file.chmod(0o640)
    file.write_text(f"# mine\n{file.read_text()}")
    Settings.store_all({"passages": None, "web": "ask"})
    assert file.stat().st_mode & 0o777 == 0o640
    assert file.read_text().startswith("# mine\n")
    loaded = Settings.load()
    assert (loaded.passages, loaded.web, loaded.egress_allow) == (4, "ask", ("intranet", "wiki:8080"))


def test_a_change_is_tried_before_it_is_stored(tmp_path: Path) -> None:
    Settings.store("brave_key", "abc")
    assert Settings.trial({"web_providers": "brave"}).web_providers == ("brave",)
    with pytest.raises(SettingsError) as caught:
        Settings.trial({"web_providers": "brave", "brave_key": None})
    assert (caught.value.key, caught.value.fault) == ("web_providers", "unfit")
    with pytest.raises(SettingsError) as caught:
        Settings.trial({"passages": "21"})
    assert (caught.value.key, caught.value.fault, caught.value.bound) == ("passages", "most", "20")
    assert Settings.load().web_providers == ("duckduckgo",)


def test_where_a_value_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Settings.store("passages", "6")
    monkeypatch.setenv("KOTAE_PORT", "2222")
    found = origins()
    assert found["passages"] == str(tmp_path / "settings.toml")
    assert (found["port"], found["web"]) == ("KOTAE_PORT", "default")
