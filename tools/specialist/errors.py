"""What goes wrong with specialists on purpose."""

from __future__ import annotations


class SpecialistError(Exception):
    """`str(error)` is one line for a person: what is wrong and what to do. `reason` is a code that the reader's
    language has a sentence for.

    Codes: `card` (a card does not fit), `data` (examples cannot be read or do not fit), `unknown` (no such specialist
    or version), `exists` (the name is taken), `not_proven` (the gate was not passed), `base` (the base model is
    missing, another one, or of an architecture that cannot be trained), `memory` (training needs more than there is),
    `package` (the extra `train` is not installed), `stopped` (by the user; it can be resumed), `failed` (training broke
    off, or the disk refuses), `busy` (another program trains or changes it), `archive` (an export cannot be written or
    taken in), `promoted` (a version is in use and cannot be removed).
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
