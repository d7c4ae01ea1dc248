"""Text recognition for scanned pages and pictures: PP-OCRv6 small, whose weights the package `rapidocr` carries.

Source of the method: Cui et al. 2025, "PaddleOCR 3.0 Technical Report". It reads horizontal lines, so a line of
vertical Japanese is taken apart into its letters, which are then laid out beside each other.
"""

from __future__ import annotations

import importlib.util
import logging
import unicodedata
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from tools.library.formats.blocks import table, verbatim
from tools.library.formats.layout import Region, Span, arrange, weight

MISSING = "The text of pictures is not read without an extra: pip install 'kotae[ocr]', then index again."
_SURE = 0.6
"""Confidence of a line below which it is noise."""
_TALL = 2.5
"""So many times higher than wide is a line of vertical writing."""
_UPRIGHT = str.maketrans({"°": "。", "`": "、", "´": "、", "|": "ー"})
"""What the recogniser takes the marks of vertical writing for, which stand in the upper right of their square."""


def available() -> bool:
    """Whether the packages of the extra are installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("rapidocr", "onnxruntime"))


def text_of(image: Any) -> str:
    """The text of a picture (Pillow, RGB) in reading order, as Markdown; empty when there is none."""
    import numpy as np

    pixels = np.asarray(image)
    result = _engine()(pixels, use_det=True, use_cls=False, use_rec=True)
    # what a call switches off stays off, so each call says what it wants
    if result.boxes is None or result.txts is None:
        return ""
    boxes = [_bounds(box) for box in result.boxes]
    tall = [box for box in boxes if box[3] - box[1] > _TALL * (box[2] - box[0])]
    # vertical writing: most of the inked area is in tall boxes
    if sum(map(_area, tall)) > 0.6 * sum(map(_area, boxes)):
        return _vertical(image, tall)
    spans = [
        Span(*box, unicodedata.normalize("NFKC", text), box[3] - box[1])
        for box, text, score in zip(boxes, result.txts, result.scores, strict=True)
        if score >= _SURE and text.strip()
    ]
    return _written(spans)


def _written(spans: list[Span]) -> str:
    from tools.library.formats.pdf import reflow

    parts: list[str] = []
    for part in arrange(spans)[0]:
        if not isinstance(part, Region):
            parts.append(table(part.rows))
            continue
        lines: list[str] = []
        gaps = [below.y0 - above.y1 for above, below in pairwise(part.lines)]
        usual = median(gaps) if gaps else 0.0
        for line, gap in zip(part.lines, [0.0, *gaps], strict=True):
            if gap > usual + 0.6 * line.size:
                lines.append("")
            lines.append(line.text)
        parts.append("\n\n".join(verbatim(text) for text in reflow(lines).split("\n\n")))
    return "\n\n".join(text for part in parts if (text := part.strip("\n")))


def _vertical(image: Any, boxes: list[tuple[float, float, float, float]]) -> str:
    """Columns from right to left."""
    import numpy as np

    width = median(box[2] - box[0] for box in boxes)
    columns: list[list[tuple[float, float, float, float]]] = []
    for box in sorted(boxes, key=lambda b: -(b[0] + b[2])):
        if columns and abs(sum(columns[-1][0][::2]) - sum(box[::2])) < width:
            columns[-1].append(box)
        else:
            columns.append([box])
    strips = [
        _strip(image.crop(tuple(map(int, box)))) for column in columns for box in sorted(column, key=lambda b: b[1])
    ]
    engine = _engine()
    found: list[str] = []
    for strip in strips:
        result = engine(np.asarray(strip), use_det=False, use_cls=False, use_rec=True)
        for text, score in zip(result.txts or (), result.scores or (), strict=True):
            if score >= _SURE * 0.7:
                found.append(unicodedata.normalize("NFKC", text).translate(_UPRIGHT))
    from tools.library.formats.pdf import reflow

    return verbatim(reflow(found)) if found and weight("".join(found)) > 1 else ""


def _strip(column: Any) -> Any:
    """The letters of a vertical line beside each other, on white."""
    import numpy as np
    from PIL import Image

    gray = np.asarray(column.convert("L")).astype(int)
    ink = (gray < (gray.max() + gray.min()) / 2).any(axis=1)
    width, height = column.size
    pitch = _pitch(ink, width)
    count = max(1, round(height / pitch))
    step = height / count
    edge = [0]
    for index in range(1, count):
        # cut where there is no ink, near to where a letter of the usual height would end
        target = int(index * step)
        reach = max(1, int(step * 0.3))
        free = [y for y in range(max(edge[-1] + 1, target - reach), min(height, target + reach)) if not ink[y]]
        edge.append(min(free, key=lambda y: abs(y - target)) if free else max(edge[-1] + 1, target))
    edge.append(height)
    cell = max(width, int(step) + 1)
    strip = Image.new("RGB", (cell * count, cell), "white")
    for index, (top, bottom) in enumerate(pairwise(edge)):
        strip.paste(
            column.crop((0, top, width, bottom)),
            (index * cell + (cell - width) // 2, max(0, (cell - bottom + top) // 2)),
        )
    return strip


def _pitch(ink: Any, width: int) -> float:
    """The distance from letter to letter: about the width of the line, since Japanese letters are square."""
    starts = [y for y in range(1, len(ink)) if ink[y] and not ink[y - 1]]
    steps = [b - a for a, b in pairwise(starts) if 0.7 * width < b - a < 1.4 * width]
    return float(median(steps)) if len(steps) > 2 else float(width)


@cache
def _engine() -> Any:
    """The recogniser. The paths of its files are named, since it would download what it does not find."""
    import rapidocr

    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    models = Path(rapidocr.__file__).parent / "models"
    return rapidocr.RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.use_cls": False,
            "Global.max_side_len": 2600,
            # lines are found on a smaller picture (letters of 7 points on A4 still are) and read on the whole one
            "Det.limit_type": "max",
            "Det.limit_side_len": 1152,
            "Det.max_candidates": 600,
            "Det.model_path": str(models / "PP-OCRv6_det_small.onnx"),
            "Rec.model_path": str(models / "PP-OCRv6_rec_small.onnx"),
            "Cls.model_path": str(models / "ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
        }
    )


def _bounds(box: Any) -> tuple[float, float, float, float]:
    xs, ys = [float(point[0]) for point in box], [float(point[1]) for point in box]
    return min(xs), min(ys), max(xs), max(ys)


def _area(box: tuple[float, float, float, float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
