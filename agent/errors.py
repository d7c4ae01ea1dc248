"""Everything Kotae raises on purpose.

    KotaeError                    the message is one line: what is wrong and what to do
    ├── SettingsError             an unknown key, a value that does not fit
    ├── PromptError               a prompt is missing, or its variables are not those it was given
    ├── QuestionError             empty or too long: nothing was asked, nothing is stored
    ├── ThreadError               no such conversation, or its file cannot be read
    ├── MemoryFileError           what the user told about themselves cannot be read or written
    ├── RouteError                examples or corrections of the router cannot be used
    ├── FeedbackError             a verdict, reason, route or turn that does not exist, or a text too long
    └── ModelError
        ├── ModelMissing          not downloaded yet, or no such file or name
        ├── ModelUnusable         wrong hash, too big for the memory, not a model
        └── ModelUnavailable      did not answer; trying again may help (the only retryable one)

`tools.base.ToolError` is the tools' own: the graph turns it into an honest answer, it never reaches a user.
`tools.specialist.errors.SpecialistError` is one line for a person like these.
"""

from __future__ import annotations


class KotaeError(Exception):
    """Base of all. `str(error)` can be shown to a person as it is, on one line."""


class SettingsError(KotaeError):
    """A setting is unknown or its value does not fit. `key` is the setting where one is at fault, and `fault` what is
    wrong with its value: `choice`, `least`, `most`, `above` (then `bound` is the limit), `number`, `whole`, `unknown`
    or `unfit`."""

    def __init__(self, message: str, key: str = "", fault: str = "", bound: str = "") -> None:
        super().__init__(message)
        self.key = key
        self.fault = fault
        self.bound = bound


class PromptError(KotaeError):
    """A prompt file is missing, or was filled with missing or surplus variables."""


class QuestionError(KotaeError):
    """The question is empty or too long. `reason` is `empty` or `too_long`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ThreadError(KotaeError):
    """There is no such conversation, or the conversations cannot be read."""


class MemoryFileError(KotaeError):
    """The file of what the user told about themselves cannot be read or written."""


class RouteError(KotaeError):
    """Labelled questions, or the corrections of a data folder, cannot be read or written."""


class FeedbackError(KotaeError):
    """What was said of an answer does not fit, or cannot be kept. `reason` is a code: `unknown_turn`,
    `unknown_verdict`, `unknown_reason`, `unknown_route`, `same_route`, `unfit`, `too_long` or `not_kept`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ModelError(KotaeError):
    """Something about the language model."""


class ModelMissing(ModelError):
    """The model is not on this machine yet, or there is none of that name."""


class ModelUnusable(ModelError):
    """The model is here and cannot be used: wrong hash, too big, not a model file."""


class ModelUnavailable(ModelError):
    """The model did not answer. Trying again may help."""
