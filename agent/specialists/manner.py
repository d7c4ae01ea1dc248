"""What kind of word a specialist gives, by its card."""

from __future__ import annotations

from tools.specialist.card import Card


def writes_freely(card: Card) -> bool:
    """Whether it writes sentences, which can be checked against sources; not labels or JSON."""
    return not card.answers and card.schema_ is None


def takes_texts(card: Card) -> bool:
    """Whether it works on a text as it was written (rewrites it, sorts it, reads fields out of it) instead of answering
    a question, which a conversation may have to complete."""
    return card.use == "style" or not writes_freely(card)


def reads_passages(card: Card) -> bool:
    """Whether it has learned to answer from passages, and knows nothing without them."""
    return card.metric == "grounded"
