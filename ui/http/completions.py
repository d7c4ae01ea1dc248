"""The shapes of OpenAI's chat completions, as far as Kotae has something to put into them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ui.http.problems import Problem, Told

ModelName = Literal["kotae", "kotae-library"]
"""`kotae-library` sends nothing to a web search."""
MODELS: tuple[ModelName, ...] = ("kotae", "kotae-library")

_REQUEST: dict[str, Any] = {
    "model": "kotae",
    "messages": [{"role": "user", "content": "How many days of paid leave does an employee have?"}],
    "stream": True,
}
_COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-4f2c",
    "object": "chat.completion",
    "created": 1_790_000_000,
    "model": "kotae",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Every employee has 20 days of paid leave a year. [1]",
                "refusal": None,
                "annotations": [
                    {
                        "type": "url_citation",
                        "url_citation": {
                            "start_index": 49,
                            "end_index": 52,
                            "title": "Staff handbook",
                            "url": "http://127.0.0.1:7860/api/library/documents/6f0d/document",
                        },
                    }
                ],
            },
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 311, "completion_tokens": 14, "total_tokens": 325},
}


class Said(BaseModel):
    """A message. A text in parts is joined; other parts are not understood."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """Raises `Problem` for anything but text."""
        if not isinstance(self.content, list):
            return self.content or ""
        if any(part.get("type") not in ("text", "refusal") for part in self.content):
            raise Problem("unsupported", what="messages.content")
        return "\n".join(str(part.get("text", "")) for part in self.content)


class StreamOptions(BaseModel):
    """What else a stream tells."""

    include_usage: bool = False


class Metadata(BaseModel):
    """`thread`: the conversation to go on with, or `new` to keep this one; without, it is forgotten. `sources`: `list`
    ends the text with the sources, `annotations` leaves them to the annotations."""

    thread: Annotated[str, Field(max_length=100)] = ""
    sources: Literal["list", "annotations"] = "list"


class CompletionRequest(BaseModel):
    """A request. What is not named here is ignored, `temperature` and `max_tokens` included: how long an answer may be
    is the setting `max_answer_tokens`."""

    model_config = ConfigDict(json_schema_extra={"examples": [_REQUEST]})
    model: str
    messages: list[Said] = Field(min_length=1)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    metadata: Metadata | None = None
    n: int | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    response_format: dict[str, Any] | None = None
    modalities: list[str] | None = None

    def check(self) -> None:
        """Raises `Problem` for what Kotae cannot do, and would do wrong if it kept silent about it."""
        wanted = {
            "n": self.n not in (None, 1),
            "tools": bool(self.tools),
            "functions": bool(self.functions),
            "response_format": (self.response_format or {}).get("type", "text") != "text",
            "modalities": bool(set(self.modalities or ()) - {"text"}),
            "messages.role": any(one.role in ("tool", "function") for one in self.messages),
        }
        if unsupported := [name for name, asked in wanted.items() if asked]:
            raise Problem("unsupported", what=unsupported[0])
        if self.model not in MODELS:
            raise Problem("no_model", known=", ".join(MODELS))

    def asked(self) -> tuple[str, list[tuple[str, str]]]:
        """The question, and what was said before: pairs of role and text. Messages of the system are no instructions to
        Kotae and are left out. Raises `Problem`."""
        said = [(one.role, one.text) for one in self.messages if one.role in ("user", "assistant")]
        if not said or said[-1][0] != "user":
            raise Problem("no_question")
        return said[-1][1], [(role, text) for role, text in said[:-1] if text.strip()]


class Completion(BaseModel):
    """An answer. `kotae` holds what OpenAI's shape has no place for."""

    model_config = ConfigDict(json_schema_extra={"examples": [_COMPLETION]})
    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[dict[str, Any]]
    usage: dict[str, Any]
    kotae: dict[str, Any] = {}


class ModelRow(BaseModel):
    """A model."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "kotae"


class ModelList(BaseModel):
    """The models."""

    object: Literal["list"] = "list"
    data: list[ModelRow] = [ModelRow(id=name) for name in MODELS]


class OpenAIFault(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str


class OpenAIError(BaseModel):
    """Every error under `/v1`."""

    error: OpenAIFault


def as_openai(error: Told) -> dict[str, Any]:
    """An error in OpenAI's shape."""
    kind = "server_error" if error.status >= 500 else "invalid_request_error"
    fault = OpenAIFault(
        message=error.message, type="rate_limit_error" if error.status == 429 else kind, param=None, code=error.code
    )
    return OpenAIError(error=fault).model_dump()
