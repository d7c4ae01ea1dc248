"""The web: searching it, and what is taken from it."""

from tools.web.search import WebTool

__all__ = ["WebTool"]
