"""Citation-required decoding: once a search has found passages, the answer is held to a form that cites them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from trimtab.engine import Sampling, Unsupported
from trimtab.engine.citing import citation_form
from trimtab.guard import Policy
from trimtab.guard.exchange import Exchange, passages
from trimtab.records import Message
from trimtab.text import citations
from trimtab.tools.watch import ShapeFn, as_asked


def shape_of(decoding: Mapping[str, Any], policy: Policy) -> ShapeFn:
    """What a release's decoding settings ask of each turn; those of older releases do not speak of citations."""
    return citing(policy) if decoding.get("citations") == "required" else as_asked


def citing(policy: Policy) -> ShapeFn:
    """What ``Assistant.shape`` needs: while a result of this turn holds a passage, the answer cites or declines.

    Ids are those of all passages in the conversation; the policy's own texts are the declines. Without a passage there
    is nothing to cite, and no effect: the model may ask back, search or refuse, and the guards judge what it claims.
    Raises Unsupported where the answer must have another form: JSON cannot cite.
    """
    declines = [str(rule.enforce["text"]) for rule in policy.rules if "text" in rule.enforce]

    def shape(messages: Sequence[Message], sampling: Sampling) -> Sampling:
        if sampling.form is not None:
            raise Unsupported("this assistant's answers cite their sources, which no other form can", "response_format")
        ids = due(messages)
        if not ids or sampling.call is not None:  # a required call is no answer
            return sampling
        return replace(sampling, form=citation_form(ids, declines))

    return shape


def due(messages: Sequence[Message]) -> list[str]:
    """The ids that may be cited; none where no result since the user last spoke holds a passage."""
    exchange = Exchange(tuple(messages), (), "")
    if not any(True for _ in passages(exchange.results)):
        return []
    ids = dict.fromkeys(str(passage["id"]) for passage in passages(exchange.everything))
    return [name for name in ids if citations(f"[{name}]") == [name]]
