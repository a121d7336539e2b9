"""Which judge decides entailment beside our own test, as ``evaluate.entailment`` names it."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from trimtab.evaluate.grounding.entails import Entails, Kept
from trimtab.store import Store


class EntailmentConfig(BaseModel):
    """An endpoint with its model, or the folder of a sequence-classification model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str = Field(default="", description="address of an OpenAI-compatible API, up to and with /v1")
    model: str = Field(default="", description="its model")
    key: str = Field(default="", description="environment variable that holds its key")
    seconds: float = Field(default=20.0, gt=0, description="for one pair; what takes longer is unscored")
    folder: str = Field(default="", description="folder of a sequence-classification model")

    @model_validator(mode="after")
    def _one_judge(self) -> Self:
        if bool(self.endpoint) == bool(self.folder) or bool(self.endpoint) != bool(self.model):
            raise ValueError("name either an endpoint with its model, or a folder")
        return self


def entails_of(config: EntailmentConfig, store: Store | None = None, root: Path = Path()) -> Entails:
    """The judge that is named, its answers kept in ``store``; a folder is below ``root``.

    Raises UserError where it cannot be had.
    """
    judge: Entails
    if config.folder:
        from trimtab.evaluate.grounding.nli import NliEntails

        judge = NliEntails(root / config.folder)
    else:
        from trimtab.evaluate.grounding.endpoint import EndpointEntails

        judge = EndpointEntails(config.endpoint, config.model, key_variable=config.key, seconds=config.seconds)
    return Kept(judge, store) if store is not None else judge
