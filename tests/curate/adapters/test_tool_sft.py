"""Finished tool conversations: learnt as they are; a task is tested whole, a dialogue at its last call."""

from typing import Any

from trimtab.curate.adapters import AdapterOptions, ToolSft
from trimtab.records import ToolCall

TOOL = {"type": "function", "function": {"name": "calculator", "parameters": {"type": "object"}}}
OURS = {
    "type": "function",
    "function": {"name": "calculator", "description": "Ours.", "parameters": {"type": "object"}},
}


def call(expression: str, id: str) -> dict[str, Any]:
    arguments = f'{{"expression": "{expression}"}}'
    return {
        "role": "assistant",
        "content": "So",
        "tool_calls": [{"id": id, "type": "function", "function": {"name": "calculator", "arguments": arguments}}],
    }


def result(text: str) -> dict[str, Any]:
    return {"role": "tool", "content": text, "name": "calculator"}


USER, DONE = {"role": "user", "content": "How many eggs?"}, {"role": "assistant", "content": "The answer is 18."}
TASK: dict[str, Any] = {
    "messages": [
        USER,
        call("16-7", "a"),
        result("9"),
        call("9*2", "b"),
        result("18"),
        call("9*2", "c"),
        result("18"),
        DONE,
    ],
    "tools": [TOOL],
    "meta": {"domain": "math", "final_answer": "18"},
}
THANKS = [{"role": "user", "content": "Thanks"}, {"role": "assistant", "content": "Have a nice day."}]
DIALOGUE = {**TASK, "messages": [*TASK["messages"], *THANKS]}


def test_a_task_is_a_case_of_the_whole_plan() -> None:
    case = ToolSft(AdapterOptions()).case(TASK)
    assert case is not None
    assert [message.role for message in case.messages] == ["user"]
    assert case.expected.calls == tuple(ToolCall("calculator", {"expression": e}) for e in ("16-7", "9*2"))
    assert (case.expected.action, case.expected.facts, case.tools) == ("answer", ("18",), ())


def test_a_dialogue_is_a_case_of_its_last_call_with_its_tools() -> None:
    case = ToolSft(AdapterOptions()).case(DIALOGUE)
    assert case is not None
    assert len(case.messages) == 5
    assert case.expected.calls == (ToolCall("calculator", {"expression": "9*2"}),)
    assert (case.expected.action, case.tools) == ("call_tool", (TOOL,))


def test_a_task_is_learnt_with_the_products_own_tools_and_a_dialogue_with_its_own() -> None:
    adapter = ToolSft(AdapterOptions(tools=(OURS,)))
    task, dialogue = adapter.example(TASK), adapter.example(DIALOGUE)
    assert task is not None
    assert dialogue is not None
    assert (task.tools, dialogue.tools) == ((OURS,), (TOOL,))
    assert len(task.messages) == 8
    assert task.labels == {"action": "answer", "kind": "tool_sft", "domain": "math"}


def test_a_dialogue_without_calls_is_a_case_of_its_last_turn() -> None:
    talk = [USER, {"role": "assistant", "content": "Which hen do you mean?"}, *THANKS]
    case = ToolSft(AdapterOptions()).case({"messages": talk})
    assert case is not None
    assert len(case.messages) == 3
    assert (case.expected.action, case.expected.calls) == ("answer", ())
