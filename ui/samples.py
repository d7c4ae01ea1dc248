"""Where the sample library is: Kotae's own documentation, in English and Japanese."""

from __future__ import annotations

from pathlib import Path

from agent.errors import KotaeError

LANGUAGES = ("en", "ja")


def sample_folders(package: Path | None = None) -> list[Path]:
    """The folders of the sample library: `docs/` of a checkout, otherwise what the wheel carries in `ui/sample`.

    `package` is the folder of the package `ui`. Raises `KotaeError` when neither is there.
    """
    package = package or Path(__file__).resolve().parent
    for root in (package.parent / "docs", package / "sample"):
        found = [root / language for language in LANGUAGES if (root / language).is_dir()]
        # a foreign `docs` beside an installed package is not ours
        if found and (root == package / "sample" or (package.parent / "pyproject.toml").is_file()):
            return found
    raise KotaeError("The sample library is not part of this installation; index documents of your own instead.")
