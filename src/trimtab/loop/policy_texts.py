"""What the policy says instead of an answer, by the guards that say it."""

from trimtab.guard import Policy


def policy_texts(policy: Policy, *guards: str) -> tuple[str, ...]:
    """What the rules of these guards (all, where none is named) say instead of an answer."""
    found: list[str] = []
    for rule in policy.rules:
        if guards and rule.enforce.get("guard") not in guards:
            continue
        text = rule.enforce.get("text")
        found += [text] if isinstance(text, str) else list(text or ())
    return tuple(found)
