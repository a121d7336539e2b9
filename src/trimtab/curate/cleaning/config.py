"""What the `cleaning` section of `data` may say: each check's setting; the defaults flag or repair before they drop."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from trimtab.curate.cleaning.notes import FLAGS

Consent = Literal["any", "required"]
Fault = Literal["drop", "flag"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LicencesConfig(_Section):
    """Globs over normalised names, case ignored: `CC-BY-*`, `Apache-2.0`; a row without a licence is `none`."""

    allow: tuple[str, ...] = Field(default=("*",), min_length=1, description="Licences that may be learnt from.")
    deny: tuple[str, ...] = Field(default=(), description="Licences that may not, whatever `allow` says.")


class BoilerplateConfig(_Section):
    """Phrases that carry nothing, and sentences that open or close many rows of one source, whatever their words."""

    mode: Literal["flag", "trim"] = Field(
        default="flag", description="flag: named in labels.quality; trim: opening and closing sentences are also cut."
    )
    share: float = Field(default=0.02, gt=0, le=1, description="Of a source's answers, from which a sentence repeats.")
    least: int = Field(default=5, ge=2, description="Rows that a sentence must open or close to count as repeated.")


class CleaningConfig(_Section):
    """The door's first stage. What is provably broken is repaired or dropped; what only looks bad is flagged."""

    calls: Fault = Field(default="drop", description="A tool call that no tool offered here would take.")
    citations: Literal["drop", "strip", "flag"] = Field(
        default="drop", description="A learnt answer that cites what no search of its row returned."
    )
    markers: Literal["repair", "drop", "flag"] = Field(
        default="repair", description="Role markers and special tokens leaked into an assistant turn."
    )
    truncated: Fault = Field(default="flag", description="A last answer that ends in mid-sentence or inside a fence.")
    boilerplate: BoilerplateConfig = BoilerplateConfig()
    identify: Literal["words", "langid"] = Field(
        default="words",
        description="Language by script and small words, or by py3langid (`pip install trimtab[language]`).",
    )
    languages: tuple[str, ...] = Field(
        default=(), description="Rows told to be in another language go (en, de); empty keeps all."
    )
    drop_quality: tuple[str, ...] = Field(
        default=(), description="Flags that drop a row: boilerplate, truncated, repeated_lines, mean_word_length, ..."
    )
    licences: LicencesConfig = LicencesConfig()
    consent: Consent = Field(
        default="any", description="required: rows without given consent go. Refused consent always goes."
    )
    actions: Literal["keep", "relabel", "drop"] = Field(
        default="keep", description="A row whose action label its last turn contradicts; each is in the findings."
    )

    @field_validator("drop_quality")
    @classmethod
    def _flags_are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted(set(names) - FLAGS):
            raise ValueError(f"no flag is called {', '.join(unknown)}; there are {', '.join(sorted(FLAGS))}")
        return names
