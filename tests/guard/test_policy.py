"""A policy is read as people wrote it, and what cannot be read is said with its line: no rule is lost in silence."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.guard import Policy, load_policy, parse_policy
from trimtab.records import UserError

GOOD = """---
version: 1.2.0
---
# How we answer

Some words before the rules.

### R1 Keep personal data in

Nobody else's data leaves.

```yaml
guard: pii
kinds: [email, phone]
```

### R2 Be kind

Say *please*. An example:

```text
### R9 not a rule
```

#### A detail

Still R2.

## Notes

Prose that belongs to no rule.
"""


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_rules_have_an_id_a_title_their_prose_and_what_enforces_them() -> None:
    policy = parse_policy(GOOD)
    first, second = policy.rules
    assert (first.id, first.title, first.text) == ("R1", "Keep personal data in", "Nobody else's data leaves.")
    assert first.enforce == {"guard": "pii", "kinds": ["email", "phone"]}
    assert first.line == line_of(GOOD, "### R1")
    assert (second.id, dict(second.enforce)) == ("R2", {})
    assert "### R9 not a rule" in second.text
    assert second.text.endswith("Still R2.")
    assert policy.version == "1.2.0"


def test_the_digest_follows_every_word_but_not_line_ends() -> None:
    assert parse_policy(GOOD).digest == parse_policy(GOOD.replace("\n", "\r\n")).digest
    assert parse_policy(GOOD).digest != parse_policy(GOOD.replace("before the rules", "before the rule")).digest


def test_a_rule_is_found_by_its_id() -> None:
    assert parse_policy(GOOD).rule("R2").title == "Be kind"
    with pytest.raises(UserError, match="no rule 'R7'"):
        parse_policy(GOOD).rule("R7")


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        ("---\nversion: 1.2.0\n---\n", "", "", "no front matter"),
        ("version: 1.2.0", "name: x", "", "no version"),
        ("version: 1.2.0", "version: [", "version", "no YAML"),
        ("### R2 Be kind", "### Be kind", "### Be kind", "is no rule"),
        ("### R2 Be kind", "### R2", "### R2", "is no rule"),
        ("### R2 Be kind", "### R1 Be kind", "### R1 Be kind", "a second rule R1"),
        ("guard: pii", "gaurd: pii", "```yaml", "names no guard"),
        ("guard: pii", "guard: [", "kinds:", "no YAML"),
        ("kinds: [email, phone]\n```\n", "kinds: [email, phone]\n", "```text", "no YAML"),
        ("kinds: [email, phone]\n```", "```\n```yaml\nguard: citations\n```", "```yaml\nguard: c", "second yaml block"),
        ("Some words before the rules.", "```yaml\nguard: pii\n```", "```yaml\nguard: pii\n```\n\n###", "no rule"),
        ("Still R2.", "```", "```\n\n## Notes", "never closed"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(old: str, new: str, at: str, message: str) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    with pytest.raises(UserError, match=message) as caught:
        parse_policy(text)
    if message != "no YAML":
        assert caught.value.line == line_of(text, at)
    assert caught.value.line is not None


def test_a_policy_without_rules_is_refused() -> None:
    with pytest.raises(UserError, match="no rules"):
        parse_policy("---\nversion: 1\n---\nBe good.\n")


def test_a_file_s_mistakes_carry_its_name(tmp_path: Path) -> None:
    path = tmp_path / "policy.md"
    path.write_text(GOOD.replace("### R2 Be kind", "### Be kind"))
    with pytest.raises(UserError, match=r"policy\.md:\d+: 'Be kind' is no rule"):
        load_policy(path)
    path.write_bytes(b"---\nversion: \xff\n---\n")
    with pytest.raises(UserError, match="not UTF-8"):
        load_policy(path)
    with pytest.raises(UserError, match="no such file"):
        load_policy(tmp_path / "none.md")


@given(st.text(alphabet="#R1 \n`-~yamlguard:v", max_size=80))
def test_any_text_is_a_policy_or_a_user_s_mistake(body: str) -> None:
    try:
        policy = parse_policy("---\nversion: 1\n---\n" + body)
    except UserError:
        return
    assert isinstance(policy, Policy)
    assert policy.rules
