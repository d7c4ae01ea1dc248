"""A document's file for the browser: shown where that is safe, otherwise saved, never run."""

from __future__ import annotations

from pathlib import Path

from fastapi.responses import FileResponse, Response

_SHOWN = {".pdf": "application/pdf"}
"""Documents that a browser may show itself. Any other is shown as text or saved."""
_TEXT = frozenset({".md", ".markdown", ".txt", ".text", ".rst", ".csv", ".tsv", ".log", ".json", ".jsonl", ".eml"})


def document_response(path: Path) -> Response:
    """The file at `path`, which is there."""
    ending = path.suffix.lower()
    if ending in _SHOWN:
        return FileResponse(path, media_type=_SHOWN[ending], filename=path.name, content_disposition_type="inline")
    if ending in _TEXT:
        return Response(path.read_bytes(), media_type="text/plain; charset=utf-8")
    return FileResponse(path, media_type="application/octet-stream", filename=path.name)
