"""Specialists at work: which model speaks for a card, and what it is asked with."""
