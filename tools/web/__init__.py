"""The web: searching it, fetching from it, and what is taken from it."""

from tools.web.egress import Egress, EgressError
from tools.web.search import WebTool

__all__ = ["Egress", "EgressError", "WebTool"]
