"""The one config tree, assembled from the rooms' sections."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from trimtab.curate import CurateConfig
from trimtab.evaluate import EvaluateConfig
from trimtab.loop.canary import CanaryConfig
from trimtab.model import DEFAULT_MODEL
from trimtab.observe import CapturePolicy, SloConfig
from trimtab.release import GateConfig
from trimtab.serve import ServeConfig
from trimtab.train import KtoConfig, PreferenceConfig, RewardConfig, RlConfig, SftConfig

RewardName = Literal["route", "result", "format", "grounded", "spans", "model"]
FORMAT = 1
"""The workspace format this version writes; a newer one is refused."""


class Section(BaseModel):
    """A part of the tree: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Files(Section):
    """Where the workspace keeps what shapes behaviour, relative to ``trimtab.yaml``."""

    system: Path = Path("system.md")
    policy: Path = Path("policy/policy.md")
    tools: Path = Path("tools/tools.yaml")
    knowledge: Path = Path("knowledge")


class SealedFiles(Section):
    """Files of cases. ``sealed`` judges releases; ``reserved`` waits for a later rotation. Neither touches training."""

    sealed: tuple[Path, ...] = (Path("quarantine/sealed.jsonl"),)
    reserved: tuple[Path, ...] = ()
    development: tuple[Path, ...] = (Path("data/development.jsonl"),)
    redteam: tuple[Path, ...] = (Path("redteam/test.jsonl"),)
    worn_after: int = Field(default=20, ge=1)
    """Evaluations after which a shard counts as looked at too often: `status` says so."""
    rotate: Literal["command", "worn"] = "command"
    """``worn``: the reserved shards take over by themselves once the active ones are worn."""


class AnchorCheck(Section):
    """The check after SFT: on the development cases, no named metric may fall below π0's by more than ``margin``."""

    metrics: tuple[str, ...] = ("reference_fidelity", "tool_routing_accuracy")
    margin: float = 0.05
    limit: int = 40


class TrainSection(Section):
    """The teaching steps. ``start``: every turn begins at ``base`` (π0) or at the ``stable`` release."""

    start: Literal["base", "stable"] = "base"
    sft: SftConfig = SftConfig()
    dpo: PreferenceConfig | None = PreferenceConfig()
    dpo_rows: int | None = Field(default=None, ge=1)
    """At most so many pairs and companions, chosen by their digest."""
    kto: KtoConfig | None = None
    """Learning from thumbs, where there are any."""
    reward: RewardConfig | None = None
    """A reward model on the preference pairs."""
    rl: RlConfig | None = None
    rl_rows: int | None = Field(default=None, ge=1)
    """At most so many prompts, taken from the taught rows."""
    rl_rewards: dict[RewardName, float] = Field(default={"route": 1.0, "format": 0.2}, min_length=1)
    """What rollouts are worth: a weight for each of route, result, format, grounded, spans, model."""
    refresh: SftConfig | None = SftConfig()
    refresh_rows: int = Field(default=60, ge=0)
    anchor: AnchorCheck = AnchorCheck()


class Decoding(Section):
    max_tokens: int = Field(default=128, gt=0)
    temperature: float = Field(default=0.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    citations: Literal["off", "required"] = "off"
    """``required``: an answer from a search is held to sentences that each cite a passage, or a policy's own text."""


class PlanLimits(Section):
    """What one served request may take."""

    steps: int = Field(default=4, gt=0)
    seconds: float = Field(default=60.0, gt=0)
    tokens: int = Field(default=384, gt=0)


class EndpointSection(Section):
    """The server behind ``engine: openai`` or ``vllm``."""

    url: str
    model: str
    key_env: str = ""
    """The environment variable that holds the server's API key; keys stay out of files."""
    timeout_seconds: float = Field(default=120.0, gt=0)
    prefix_cache: bool = True
    """False: the server keeps no prompt's keys and values, so several tenants may share it through ``openai``."""


class Serving(Section):
    engine: Literal["auto", "openvino", "torch", "vllm", "openai"] = "auto"
    endpoint: EndpointSection | None = None
    precision: Literal["bf16", "f32", "int8", "int4"] = "bf16"
    cache_gb: int = Field(default=1, ge=1)
    decoding: Decoding = Decoding()
    limits: PlanLimits = PlanLimits()
    capture: CapturePolicy = CapturePolicy()
    dollars_per_hour: float = Field(default=0.10, ge=0)
    adapters: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")], Path] = Field(default_factory=dict)
    """LoRA adapters served by name (``model: name:adapter``): each a folder as PEFT saves it."""
    speculation: Literal["auto", "off", "lookup", "draft"] = "auto"
    """How tokens are guessed ahead; ``auto`` as `trimtab speculate` measured for the release, and not at all before."""
    draft: str = ""
    """The model that drafts, with the release's tokenizer; empty: the release itself at four bits."""
    embeddings: str = ""
    """The model behind /v1/embeddings, a reference as ``model`` takes it; empty: there is none."""

    @model_validator(mode="after")
    def _one_model_a_name(self) -> Self:
        if self.embeddings and "embeddings" in self.adapters:
            raise ValueError("an adapter cannot be called embeddings beside serving.embeddings, whose name that is")
        return self

    @field_validator("speculation", mode="before")
    @classmethod
    def _off(cls, value: Any) -> Any:
        """YAML 1.1 reads a bare ``off`` as false."""
        return "off" if value is False else value


class Config(Section):
    """``trimtab.yaml``: every field has a default but the sources."""

    format: int = FORMAT
    name: str = "assistant"
    model: str = DEFAULT_MODEL
    license: str = ""
    """Of the releases, for their cards; empty where it is not decided."""
    files: Files = Files()
    data: CurateConfig
    cases: SealedFiles = SealedFiles()
    train: TrainSection = TrainSection()
    evaluate: EvaluateConfig = EvaluateConfig()
    gate: GateConfig = GateConfig()
    serving: Serving = Serving()
    gateway: ServeConfig = ServeConfig()
    slo: SloConfig = SloConfig()
    canary: CanaryConfig = CanaryConfig()

    def section(self, name: str) -> Any:
        """One section as plain JSON: what a step's key is made of."""
        value: Any = self
        for part in name.split("."):
            value = getattr(value, part)
        return value.model_dump(mode="json") if isinstance(value, BaseModel) else value
