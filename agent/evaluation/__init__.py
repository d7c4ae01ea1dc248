"""Figures about the mind's own decisions, on data that somebody has judged."""
