"""The web: searching it, fetching from it, and what is taken from it."""

from tools.web.egress import Egress, EgressError
from tools.web.search import WebSearch
from tools.web.tool import WebTool

__all__ = ["Egress", "EgressError", "WebSearch", "WebTool"]
