"""What the `preferences` part of the `curate` section may say."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AnnotatorsConfig(_Section):
    """Several people's verdicts over the same pair become one pair with a probability."""

    max_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Nobody has more than this share of the signed weight; binds from more than 1/share people on.",
    )
    combine: Literal["dawid_skene", "majority"] = Field(
        default="dawid_skene",
        description="How verdicts on one pair become a probability: by everybody's estimated error rates, or a vote.",
    )
    least_shared: int = Field(
        default=20, ge=2, description="Pairs judged by several, below which verdicts are a plain vote."
    )
    least_probability: float = Field(
        default=0.55, gt=0.5, lt=1, description="A pair whose better side is less sure than this is undecided and goes."
    )
    soft: Literal["probability", "weight"] = Field(
        default="probability",
        description="What training gets: the probability p as a soft label, or 2p - 1 as the pair's weight.",
    )
    alarm: float = Field(
        default=0.7,
        gt=0,
        le=1,
        description="An annotator whose estimated accuracy is surely below it is named as careless.",
    )


class TemplatesConfig(_Section):
    """Openings, closings and skeletons that one side shows over many prompts, and the other does not."""

    action: Literal["report", "cap", "drop"] = Field(
        default="report", description="What becomes of templated pairs: named alone, kept up to 'keep', or dropped."
    )
    words: int = Field(default=6, ge=3, description="Words of an opening or a closing.")
    least: int = Field(default=6, ge=2, description="Prompts under which a form is no template.")
    least_share: float = Field(default=0.02, ge=0, le=1, description="The same, as a share of all prompts.")
    keep: int = Field(default=3, ge=0, description="cap: pairs kept of each template.")


class PreferencesConfig(_Section):
    """Hygiene of preference pairs."""

    annotators: AnnotatorsConfig = AnnotatorsConfig()
    templates: TemplatesConfig = TemplatesConfig()
    alarm_auc: float = Field(
        default=0.6, ge=0.5, le=1, description="A feature whose AUC is surely further than this from 0.5 is a shortcut."
    )
    balance: Literal["off", "reweight", "length"] = Field(
        default="off",
        description="What is done about shortcuts: nothing; pairs weighted against what style alone predicts; or "
        "pairs dropped until the longer side wins as often as it loses, at each difference of length.",
    )
    clip: float = Field(default=4.0, gt=1, description="reweight: largest ratio of a weight to the mean, and back.")
    negatives: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of the good answers that get a tricky negative: a pair against the same answer with one "
        "thing wrong.",
    )
