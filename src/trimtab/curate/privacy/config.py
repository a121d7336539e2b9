"""What the `data.privacy` section of trimtab.yaml may say."""

from pydantic import BaseModel, ConfigDict, Field, field_validator

from trimtab.text import ALL_KINDS, DEFAULT_KINDS


class PrivacyConfig(BaseModel):
    """On by default: what a model has learnt nobody can take back, and a row without such data passes unchanged."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scrub: bool = Field(default=True, description="Put placeholders such as <PHONE_1> in the place of personal data.")
    kinds: tuple[str, ...] = Field(
        default=tuple(sorted(kind.lower() for kind in DEFAULT_KINDS)),
        description="What is looked for; date and url are known too, but answers need them.",
    )
    allow: tuple[str, ...] = Field(
        default=(), description="Data that are nobody's, such as your own support address: they stay."
    )
    keep_days: float = Field(default=90.0, gt=0, description="How long the vault can turn placeholders back.")

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        known = {kind.lower() for kind in ALL_KINDS}
        if unknown := sorted(set(kinds) - known):
            raise ValueError(f"unknown kind {unknown[0]!r}; known: {', '.join(sorted(known))}")
        return kinds

    @property
    def names(self) -> frozenset[str]:
        """The kinds as spans name them."""
        return frozenset(kind.upper() for kind in self.kinds)
