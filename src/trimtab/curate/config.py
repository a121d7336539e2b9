"""What the `data` section of trimtab.yaml may say."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from trimtab.curate.backlog import BacklogConfig
from trimtab.curate.cleaning.config import CleaningConfig
from trimtab.curate.preferences.config import PreferencesConfig
from trimtab.curate.privacy.config import PrivacyConfig
from trimtab.curate.strata.config import DifficultyConfig, HardConfig

OnError = Literal["refuse", "skip"]
Side = Literal["all", "train", "sealed"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TextsConfig(_Section):
    """What the assistant says where a data set says only what it should do; a wording is picked by hash."""

    decline: tuple[str, ...] = Field(
        default=("I can't help with that.", "That is something I won't help with."),
        min_length=1,
        description="Refusals of what the policy forbids.",
    )
    missing: tuple[str, ...] = Field(
        default=(
            "I could not find the answer in the documents that I searched.",
            "The documents that I searched do not say.",
        ),
        min_length=1,
        description="Said when the evidence is missing.",
    )
    clarify: tuple[str, ...] = Field(
        default=("Could you tell me the {parameter}?", "To do that I need the {parameter}. What is it?"),
        min_length=1,
        description="Asks for a missing parameter; {parameter} is its name in plain words.",
    )
    cannot: tuple[str, ...] = Field(
        default=("I have no tool that can do that.", "That is beyond what my tools can do."),
        min_length=1,
        description="Said when no tool fits.",
    )

    @model_validator(mode="after")
    def _clarify_names_the_parameter(self) -> "TextsConfig":
        if bad := [text for text in self.clarify if "{parameter}" not in text]:
            raise ValueError(f"clarify texts must contain {{parameter}}: {bad[0]!r} does not")
        return self


class SourceConfig(_Section):
    """One source of rows, and how to read it."""

    path: str = Field(
        description="A file, a folder or a glob, relative to the workspace; or a data set of the hub: "
        "owner/name[@revision][:config/split]."
    )
    name: str = Field(default="", description="Shown in reports; the file's name where empty.")
    format: str | None = Field(
        default=None, description="One of the known formats; guessed from the first rows where absent."
    )
    adapter: str | None = Field(
        default=None, description="grounded_qa, tool_routing, refusal, tool_sft, exact_answer or code_tests."
    )
    domain: str | None = Field(default=None, description="The domain label of rows that carry none.")
    limit: int | None = Field(default=None, ge=1, description="At most so many rows, chosen by hash.")
    weight: float = Field(default=1.0, gt=0, description="Odds of a row of this source in the mix, against the others.")
    license: str | None = Field(default=None, description="The licence of rows that name none: `CC-BY-4.0`.")
    consent: bool | None = Field(default=None, description="Whether those behind rows that do not say it agreed.")
    split: Side = Field(default="all", description="train or sealed: only the rows on that side of the split.")
    passage_words: int = Field(default=60, ge=8, description="grounded_qa: words that are kept of each passage.")


class SplitConfig(_Section):
    """How a source with `split` is divided: by the hash of the question, so equal questions stay together."""

    sealed_share: float = Field(default=0.2, ge=0, le=1)
    seed: int = 0


class DedupeConfig(_Section):
    threshold: float = Field(
        default=0.8, gt=0, le=1, description="Jaccard of word 3-grams from which two rows are one; 1 = exact."
    )
    numbers_matter: bool = Field(default=True, description="Rows whose numbers or codes differ are never duplicates.")
    semantic: float | None = Field(
        default=None, gt=0, le=1, description="Cosine of embeddings from which two rows are one; absent: not compared."
    )


class QuarantineConfig(_Section):
    ngram: int = Field(default=13, ge=5, description="A run of so many words in common is contamination.")
    shortest: int = Field(
        default=6, ge=3, description="Texts shorter than the n-gram, down to so many words, are matched whole."
    )
    threshold: float = Field(
        default=0.7, gt=0, le=1, description="Estimated Jaccard from which a row is a copy of a case."
    )
    reworded: float = Field(
        default=0.6,
        gt=0,
        description="Share of a case, by weight of words, from which a row rewords it; above 1: off.",
    )
    embedding: float | None = Field(
        default=None, gt=0, le=1, description="Cosine from which a row says what a case says; absent: not compared."
    )


class MixConfig(_Section):
    """Shares by label: `by: [domain, action]` with shares such as `math/answer: 0.3` or `*/decline: 0.1`."""

    by: tuple[str, ...] = Field(default=("action",), min_length=1)
    shares: dict[str, float] = Field(default_factory=dict, description="Stratum to share; they are scaled to sum to 1.")
    total: int | None = Field(
        default=None, ge=1, description="Rows wanted; absent = as many as the scarcest stratum allows."
    )
    rest: Literal["drop", "keep"] = Field(
        default="drop", description="Strata without a share: left out, or (keep) in what the shares leave of 1."
    )
    margins: dict[str, dict[str, float]] = Field(
        default_factory=dict,
        description="Label to shares of its values, met together; values without one have what is left.",
    )
    repeat: int = Field(default=1, ge=1, description="At most so many times may a row stand in the mix.")

    @model_validator(mode="after")
    def _shares_are_positive(self) -> "MixConfig":
        if any(share <= 0 for share in self.shares.values()):
            raise ValueError("every share must be above 0; leave a stratum out to drop it")
        for name, shares in {**self.margins, **({"shares": self.shares} if self.rest == "keep" else {})}.items():
            if not shares and name == "shares":
                continue
            if not all(share >= 0 for share in shares.values()) or not 0 < sum(shares.values()) <= 1 + 1e-9:
                raise ValueError(f"the shares of {name} must be 0 or more and sum to at most 1")
        return self


class CurateConfig(_Section):
    sources: tuple[SourceConfig, ...] = ()
    on_error: OnError = Field(default="refuse", description="refuse: a bad row stops the import; skip: it is reported.")
    embeddings: str = Field(
        default="", description="The model by which meanings are compared, a reference as `model` takes it."
    )
    split: SplitConfig = SplitConfig()
    texts: TextsConfig = TextsConfig()
    privacy: PrivacyConfig = PrivacyConfig()
    cleaning: CleaningConfig = CleaningConfig()
    dedupe: DedupeConfig = DedupeConfig()
    preferences: PreferencesConfig = PreferencesConfig()
    quarantine: QuarantineConfig = QuarantineConfig()
    difficulty: DifficultyConfig = DifficultyConfig()
    hard: HardConfig | None = Field(default=None, description="Hard prompts with good answers, at a set share.")
    mix: MixConfig | None = None
    backlog: BacklogConfig = BacklogConfig()
    seed: int = 0
