"""What a request may cost the engine, in tokens, told from its bytes before anything is tokenised.

Prompt tokens are estimated: a third of the UTF-8 bytes of messages and tools, and a few a message. Byte-level
vocabularies take about four bytes of English a token, about three of other scripts, fewer of code: the estimate is
high for most and is never exact. What is exact is the bound of the completion.
"""

import json
import math
from collections.abc import Sequence

from trimtab.engine.core import Sampling
from trimtab.records import Message, ToolSchema
from trimtab.serve.arms import Served
from trimtab.serve.body import ChatRequest
from trimtab.tools import Assistant

_BYTES = 3.0  # a token
_MESSAGE = 4  # tokens of role and marks


def prompt_tokens(messages: Sequence[Message], tools: Sequence[ToolSchema] = ()) -> int:
    """Tokens that messages and tools are likely to make, estimated from their bytes."""
    schemas = len(json.dumps(list(tools), ensure_ascii=False).encode("utf-8", "replace")) if tools else 0
    return _tokens(messages, schemas)


def completion_tokens(assistant: Assistant, sampling: Sampling, *, client_tools: bool) -> int:
    """Most tokens that a plan generates: one reply, or where the workspace's own tools may be called, several."""
    replies = assistant.limits.steps if not client_tools and len(assistant.toolbox.schemas) else 1
    return min(sampling.max_tokens * replies, assistant.limits.tokens)


def request_tokens(
    assistant: Assistant,
    messages: Sequence[Message],
    tools: Sequence[ToolSchema] | None,
    sampling: Sampling,
    *,
    context: int = 0,
) -> tuple[int, int]:
    """Prompt and completion tokens that one request may hold. ``tools``: the client's own; None: the workspace's.

    Where the model's ``context`` is known (not 0), a completion gets no more than it leaves beside the prompt.
    """
    system = [] if any(message.role == "system" for message in messages) else [Message("system", assistant.system)]
    said = [*system, *messages]
    prompt = _tokens(said, assistant.toolbox.schema_bytes) if tools is None else prompt_tokens(said, tools)
    completion = completion_tokens(assistant, sampling, client_tools=tools is not None)
    if context:
        completion = max(1, min(completion, context - prompt))
    return prompt, completion


def samples_tokens(asked: Sequence[ChatRequest], served: Served) -> int:
    """Prompt and bounded completion of all samples of one request."""
    return sum(
        sum(request_tokens(served.assistant, one.messages, one.tools, sampling, context=served.context))
        for one in asked
        for sampling in (one.sampling(served.assistant.sampling),)
    )


def text_tokens(texts: Sequence[str]) -> int:
    """Tokens that plain texts are likely to make."""
    return math.ceil(sum(len(text.encode("utf-8", "replace")) for text in texts) / _BYTES) + _MESSAGE * len(texts)


def _tokens(messages: Sequence[Message], schema_bytes: int) -> int:
    return math.ceil((sum(_bytes(message) for message in messages) + schema_bytes) / _BYTES) + _MESSAGE * len(messages)


def _bytes(message: Message) -> int:
    calls = (
        json.dumps([call.to_json() for call in message.tool_calls], ensure_ascii=False) if message.tool_calls else ""
    )
    return len((message.content + (message.reasoning or "") + calls).encode("utf-8", "replace"))
