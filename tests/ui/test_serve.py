from __future__ import annotations

import socket

import pytest

from agent.errors import KotaeError, SettingsError
from ui.serve import listen


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org", ""])
def test_only_this_machine_is_served(host: str) -> None:
    with pytest.raises(SettingsError, match="no accounts yet"):
        listen(host, 0)


def test_a_port_in_use_is_one_line_with_a_way_on() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(KotaeError) as caught:
            listen("127.0.0.1", port)
    text = str(caught.value)
    assert f"Port {port}" in text
    assert "kotae serve --port" in text
    assert "\n" not in text


def test_port_0_takes_any() -> None:
    with listen("localhost", 0) as listener:
        assert listener.getsockname()[1] > 0
