"""Data for specialists: read a file, check it, split it, and see what form its answers have."""

from tools.specialist.check import Finding, Findings, Spot, check, estimated_tokens, without
from tools.specialist.form import Form, fitted, form
from tools.specialist.near import Twin
from tools.specialist.read import Fault, Reading, read
from tools.specialist.split import Split, split

__all__ = [
    "Fault",
    "Finding",
    "Findings",
    "Form",
    "Reading",
    "Split",
    "Spot",
    "Twin",
    "check",
    "estimated_tokens",
    "fitted",
    "form",
    "read",
    "split",
    "without",
]
