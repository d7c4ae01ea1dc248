from __future__ import annotations

from pathlib import Path

import pytest

from agent import Settings
from tools.library import E5, Library

HANDBOOK = {
    "handbook.md": """# Staff handbook of Aoba Railway

## Paid leave

Every employee has 20 days of paid leave a year. Unused days may be carried over for two years.

## Uniform

The uniform is cleaned every second Friday at the depot in Matsumoto. A lost cap costs 1,200 yen.
""",
    "lines.md": """# The lines of Aoba Railway

## Hakuba line

The Hakuba line opened in 1932 and is 41 kilometres long. Its longest tunnel is the Kizaki tunnel.

## Azumi line

The Azumi line opened in 1915 and has 17 stations. Trains run every 30 minutes.
""",
    "ryokan.md": """# あおば旅館のご案内

## 朝食

朝食は7時から9時30分まで、1階の食堂でご利用いただけます。

## チェックアウト

チェックアウトは11時です。延長は1時間につき1,500円です。
""",
}


@pytest.fixture(scope="session")
def embedder() -> E5:
    return E5()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", models_dir=tmp_path / "models", web="off")


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    for name, text in HANDBOOK.items():
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture
def indexed(settings: Settings, documents: Path, embedder: E5) -> Settings:
    """Settings whose library holds the three documents."""
    library = Library.open(settings.data_dir / "library", embedder)
    report = library.index([documents])
    assert report.failed == ()
    library.close()
    return settings
