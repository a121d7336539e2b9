"""TRL's side: its own trainer on the given tokens, timed from step begin to step end.

Runs in the peer's environment, where Trimtab is not.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoTokenizer, TrainerCallback
from trl import (
    DPOConfig,
    DPOTrainer,
    GRPOConfig,
    GRPOTrainer,
    RewardConfig,
    RewardTrainer,
    SFTConfig,
    SFTTrainer,
)

from benchmarks.channel import Channel, peak_megabytes

_BEST = {"bf16": False, "gradient_checkpointing": False, "model_init_kwargs": {"dtype": "bfloat16"}}
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "best": _BEST,
    "packed": _BEST,
    "float32": {"bf16": False, "gradient_checkpointing": False},
}
"""``default``: float32 weights, bfloat16 autocast, gradient checkpointing, as a user gets it. ``best``: what was
measured to be fastest on a CPU; its malloc is tuned by the environment of the process."""
_PACK_LENGTH = 1024


def timed(trainer: type, job: dict[str, Any]) -> type:
    """The trainer with a note taken of each step's loss, tokens, and seconds of reference scoring and generation."""

    class Timed(trainer):  # type: ignore[misc]
        noted: dict[str, Any]

        def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
            counts = _tokens(inputs)
            loss = super().compute_loss(model, inputs, *args, **kwargs)
            self.noted |= counts | {"loss": float(loss[0] if isinstance(loss, tuple) else loss)}
            return loss

        def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
            # DPO knows no tokenised data: its three columns of ids are what its own preparation would have made.
            return dataset if job["objective"] == "dpo" else super()._prepare_dataset(dataset, *args, **kwargs)

        def compute_ref_log_probs(self, *args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            out = super().compute_ref_log_probs(*args, **kwargs)
            REFERENCE.append(time.perf_counter() - began)
            return out

        def _generate(self, *args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            out = super()._generate(*args, **kwargs)
            self.noted["generation_seconds"] = time.perf_counter() - began
            return out

    return Timed


REFERENCE: list[float] = []
"""Seconds of each reference pass so far."""


class InTurn(TrainerCallback):  # type: ignore[misc]
    """Waits for the word before each step and reports it afterwards."""

    def __init__(self, channel: Channel, precomputed: bool) -> None:
        self.channel, self.precomputed, self.began = channel, precomputed, 0.0
        self.trainer: Any = None

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
        self.channel.wait()
        self.trainer.noted = {}
        self.began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        seconds = time.perf_counter() - self.began
        once = {"reference_seconds": REFERENCE[state.global_step - 1]} if self.precomputed else {}
        self.channel.say(seconds=seconds, **once, **self.trainer.noted)


def build(job: dict[str, Any], steps: list[list[dict[str, Any]]], scratch: str, callback: InTurn) -> Any:
    """The trainer for the job's objective over the rows in their order."""
    rows = [row for step in steps for row in step]
    tokenizer = AutoTokenizer.from_pretrained(job["model"])
    settings = SETTINGS[job["setting"]] | {
        "output_dir": scratch,
        "max_steps": len(steps),
        "per_device_train_batch_size": len(steps[0]),
        "learning_rate": job["learning_rate"],
        "lr_scheduler_type": "constant",
        "train_sampling_strategy": "sequential",
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
        "use_cpu": not torch.cuda.is_available(),  # without it bfloat16 is refused on a machine without a GPU
    }
    make = {"sft": _sft, "dpo": _dpo, "reward": _reward, "grpo": _grpo}[job["objective"]]
    trainer = make(job, rows, settings, {"processing_class": tokenizer, "callbacks": [callback]})
    callback.trainer = trainer
    return trainer


def _sft(job: dict[str, Any], rows: list[Any], settings: dict[str, Any], common: dict[str, Any]) -> Any:
    labels = [[i if on else -100 for i, on in zip(row["ids"], row["trained"], strict=True)] for row in rows]
    data = Dataset.from_dict({"input_ids": [row["ids"] for row in rows], "labels": labels})
    packed = job["setting"] == "packed"
    own = {"packing": True, "max_length": _PACK_LENGTH, "per_device_train_batch_size": 2} if packed else {}
    config = SFTConfig(**settings | {"max_length": None} | own)
    return timed(SFTTrainer, job)(model=job["model"], args=config, train_dataset=data, **common)


def _dpo(job: dict[str, Any], rows: list[Any], settings: dict[str, Any], common: dict[str, Any]) -> Any:
    names = ("prompt", "chosen", "rejected")
    data = Dataset.from_dict({f"{name}_ids": [row[name] for row in rows] for name in names})
    precompute = job["setting"] in ("best", "float32")
    config = DPOConfig(max_length=None, beta=job["beta"], precompute_ref_log_probs=precompute, **settings)
    return timed(DPOTrainer, job)(model=job["model"], args=config, train_dataset=data, **common)


def _reward(job: dict[str, Any], rows: list[Any], settings: dict[str, Any], common: dict[str, Any]) -> Any:
    data = Dataset.from_dict(
        {f"{name}_ids": [row["prompt"] + row[name] for row in rows] for name in ("chosen", "rejected")}
    )
    config = RewardConfig(max_length=None, **settings)
    trainer = timed(RewardTrainer, job)(model=job["model"], args=config, train_dataset=data, **common)
    head = trainer.model.score.weight
    with torch.no_grad():
        head.copy_(torch.tensor([job["head"]], dtype=head.dtype))
    return trainer


def _grpo(job: dict[str, Any], rows: list[Any], settings: dict[str, Any], common: dict[str, Any]) -> Any:
    tokenizer = common["processing_class"]
    known = {row["text"]: row["prompt"] for row in rows}
    assert all(tokenizer(text)["input_ids"] == ids for text, ids in known.items()), "a prompt's tokens differ"
    length = {"max_completion_length": job["new_tokens"], "generation_kwargs": {"min_new_tokens": job["new_tokens"]}}
    config = GRPOConfig(
        **settings | {"per_device_train_batch_size": job["rollouts"]},
        **length,
        num_generations=job["rollouts"],
        shuffle_dataset=False,
    )

    def letters(completions: list[str], **_: Any) -> list[float]:
        return [text.count("e") / (len(text) + 1) for text in completions]

    data = Dataset.from_dict({"prompt": list(known)})
    return timed(GRPOTrainer, job)(model=job["model"], args=config, train_dataset=data, reward_funcs=letters, **common)


def _tokens(inputs: dict[str, Any]) -> dict[str, int]:
    """Real tokens (not padding) and processed ones of a batch."""
    if "completion_mask" in inputs and "prompt_mask" in inputs:
        masks = [inputs["prompt_mask"], inputs["completion_mask"]]
    else:
        masks = [inputs.get("attention_mask", torch.ones_like(inputs["input_ids"]))]
    return {
        "tokens_real": int(sum(int(mask.sum()) for mask in masks)),
        "tokens_processed": sum(mask.numel() for mask in masks),
    }


def main() -> None:
    """Reads the job, builds the trainer, trains in turn, reports the peak of memory."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    steps = json.loads(Path(job["workload"]).read_text(encoding="utf-8"))
    channel = Channel()
    precomputed = job["objective"] == "dpo" and job["setting"] in ("best", "float32")
    with tempfile.TemporaryDirectory() as scratch:
        trainer = build(job, steps, scratch, InTurn(channel, precomputed))
        channel.say(ready=True, threads=torch.get_num_threads())
        trainer.train()
        channel.say(peak_mb=peak_megabytes())


if __name__ == "__main__":
    main()
