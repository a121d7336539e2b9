"""Policy gradients are gradients of J, reach its closed-form optimum, and clip and weigh as their papers say."""

import itertools
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from trimtab.train.config import RlConfig
from trimtab.train.forest.batch import Batch, Group, TokenSequence
from trimtab.train.forest.plant import pack, plant
from trimtab.train.forest.score import Scores
from trimtab.train.objectives import policy as module
from trimtab.train.objectives.policy import adaptive_beta, completion_count, policy, weigh

VOCABULARY, END = 3, 0
BETA = 0.3


def config(**changes: Any) -> RlConfig:
    return RlConfig(**{"max_new_tokens": 2, "group": 2, **changes})


def completion(
    tokens: Sequence[int], reward: float = 0.0, prompt: int = 9, bonus: Sequence[float] | None = None, **extra: Any
) -> TokenSequence:
    weight = np.array([0.0] + [1.0] * len(tokens), np.float32)
    given_bonus = None if bonus is None else np.array(bonus)
    return TokenSequence(np.array([prompt, *tokens]), weight, reward=reward, bonus_N=given_bonus, **extra)


class Table:
    """A policy over sequences of at most two tokens that ``END`` ends: logits [state, V]; state 0 is the start."""

    def __init__(self, seed: int) -> None:
        random = torch.Generator().manual_seed(seed)
        self.logits = torch.randn(VOCABULARY + 1, VOCABULARY, dtype=torch.float64, generator=random)

    def logp(self, tokens: Sequence[int], logits: Tensor | None = None) -> Tensor:
        table = (self.logits if logits is None else logits).log_softmax(1)
        states = [0, *(token + 1 for token in tokens[:-1])]
        return table[states, list(tokens)]


SEQUENCES = [(END,), *((a, b) for a in range(1, VOCABULARY) for b in range(VOCABULARY))]
REWARD = dict(zip(SEQUENCES, (0.3, 1.0, -0.5, 0.2, 0.7, -1.0, 0.9), strict=True))
BONUS = {tokens: [0.4 * token - 0.1 * place for place, token in enumerate(tokens)] for tokens in SEQUENCES}


def exact_gradient(own: Table, reference: Table, beta: float, bonus: bool) -> Tensor:
    """∇ of Σ_y π(y) (r(y) − β log π(y)/π_ref(y)), by automatic differentiation over all sequences."""
    logits = own.logits.clone().requires_grad_()
    total = torch.zeros((), dtype=torch.float64)
    for tokens in SEQUENCES:
        logp = own.logp(tokens, logits).sum()
        reward = REWARD[tokens] + (sum(BONUS[tokens]) if bonus else 0.0)
        total = total + logp.exp() * (reward - beta * (logp - reference.logp(tokens).sum()))
    return torch.autograd.grad(total, logits)[0]


def expected_gradient(own: Table, reference: Table, settings: RlConfig, beta: float, bonus: bool) -> Tensor:
    """E over all groups of two of the surrogate's −gradient, weighed by the groups' probability."""
    logits = own.logits.clone().requires_grad_()
    total = torch.zeros_like(own.logits)
    for pair in itertools.product(SEQUENCES, repeat=2):
        group: Group = tuple(completion(y, REWARD[y], bonus=BONUS[y] if bonus else None) for y in pair)
        (weighed,) = weigh([group], settings)
        batch = plant([weighed], 2.0)
        logp = torch.cat([own.logp(y, logits) for y in pair])
        anchored = replace(batch, reference_logp=torch.cat([reference.logp(y) for y in pair]))
        loss, _ = policy(settings, beta)(Scores(logp), anchored)
        total -= float(logp.detach().sum().exp()) * torch.autograd.grad(loss, logits)[0]
    return total * settings.max_new_tokens


@pytest.mark.parametrize("kl", ["reward", "gradient"])
@pytest.mark.parametrize("bonus", [False, True])
def test_the_surrogates_expected_gradient_is_that_of_the_objective(kl: str, bonus: bool) -> None:
    own, reference = Table(0), Table(1)
    expected = exact_gradient(own, reference, BETA, bonus)
    got = expected_gradient(own, reference, config(kl=kl), BETA, bonus)
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-7)


def test_the_kls_own_gradient_is_exact() -> None:
    own, reference = Table(2), Table(3)
    quiet = exact_gradient(own, reference, 1.0, False) - exact_gradient(own, reference, 0.0, False)
    settings = config(kl="gradient")
    got = expected_gradient(own, reference, settings, 1.0, False) - expected_gradient(
        own, reference, settings, 0.0, False
    )
    torch.testing.assert_close(got, quiet, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("broken", ["differentiated estimate", "k3 estimate"])
def test_a_differentiated_estimate_of_the_kl_is_caught(broken: str) -> None:
    """The check above tells the right gradient from those that are often used in its place."""
    own, reference = Table(2), Table(3)
    logits = own.logits.clone().requires_grad_()
    total = torch.zeros_like(own.logits)
    for tokens in SEQUENCES:
        ratio = own.logp(tokens, logits) - reference.logp(tokens)
        estimate = ratio if broken == "differentiated estimate" else (-ratio).exp() - 1 + ratio
        probability = float(own.logp(tokens).sum().exp())
        total += probability * torch.autograd.grad(estimate.sum(), logits)[0]
    exact = exact_gradient(own, reference, 0.0, False) - exact_gradient(own, reference, 1.0, False)
    assert float((total - exact).abs().max()) > 0.05


@pytest.mark.parametrize("part", ["_less_others", "_to_go"])
def test_a_baseline_that_looks_at_its_own_token_is_caught(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    """Dividing the baseline wrongly, or counting what came before, biases what the gradient test measures."""
    right = getattr(module, part)

    def own_included(value: Tensor, batch: Batch) -> Tensor:
        return value - module._group_sum(value, batch) / 2

    def backwards(value: Tensor, batch: Batch) -> Tensor:
        reversed_ML: Tensor = right(value, batch).flip(1)
        return reversed_ML

    monkeypatch.setattr(module, part, own_included if part == "_less_others" else backwards)
    own, reference = Table(0), Table(1)
    expected = exact_gradient(own, reference, BETA, True)
    got = expected_gradient(own, reference, config(kl="gradient"), BETA, True)
    assert float((got - expected).abs().max()) > 1e-3


ARMS = torch.tensor([1.0, 0.2, -0.5, 0.6], dtype=torch.float64)
START = torch.tensor([0.1, 0.4, 0.3, 0.2], dtype=torch.float64)


def bandit(settings: RlConfig, *, steps: int = 300, groups: int = 64, flip: float = 1.0) -> Tensor:
    """The arms' probabilities after stochastic ascent from π0, by the objective under test."""
    beta, random = 0.5, torch.Generator().manual_seed(0)
    logits = START.log().clone().requires_grad_()
    mean = torch.zeros(len(ARMS), dtype=torch.float64)
    optimizer = torch.optim.SGD([logits], lr=1.0)
    base = torch.arange(groups * settings.group) // settings.group
    for step in range(steps):
        probabilities = logits.detach().softmax(0)
        arm_M = torch.multinomial(probabilities, groups * settings.group, replacement=True, generator=random)
        batch = _bandit_batch(arm_M, base, groups)
        logp = logits.log_softmax(0)[arm_M]
        reference = START.log()[arm_M]
        anchored = replace(batch, reference_logp=logp.detach() + flip * (reference - logp.detach()))
        loss, _ = policy(settings, beta)(Scores(logp), anchored)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step >= steps // 2:
            mean += logits.detach().softmax(0)
    return mean / (steps - steps // 2)


def _bandit_batch(arm_M: Tensor, group_M: Tensor, groups: int) -> Batch:
    """One-token completions, written out: planting thousands of them is not what is tested here."""
    one = plant([(completion([1]), completion([2]))], 1.0)
    count = len(arm_M)
    return replace(
        one,
        target_ids=arm_M,
        score_seq=torch.arange(count),
        token_weight=torch.ones(count),
        seq_group=group_M.int(),
        seq_len=torch.ones(count, dtype=torch.int32),
        example_id=("",) * count,
        reward=ARMS[arm_M].float(),
        importance=torch.ones(count),
        denominator=float(count),
    )


OPTIMUM = (START * (ARMS / 0.5).exp()) / (START * (ARMS / 0.5).exp()).sum()
"""π*(a) ∝ π0(a) exp(r(a)/β)."""
TOLERANCE = 0.02


@pytest.mark.parametrize("kl", ["reward", "gradient"])
def test_a_bandit_reaches_the_closed_form_optimum(kl: str) -> None:
    assert float((bandit(config(kl=kl, group=4)) - OPTIMUM).abs().max()) < TOLERANCE


@pytest.mark.parametrize("flaw", ["sign of the KL", "no KL"])
def test_a_flawed_kl_misses_the_optimum(flaw: str) -> None:
    flip = -1.0 if flaw == "sign of the KL" else 0.0
    assert float((bandit(config(group=4), steps=200, flip=flip) - OPTIMUM).abs().max()) > 5 * TOLERANCE


def test_a_flawed_baseline_misses_the_optimum(monkeypatch: pytest.MonkeyPatch) -> None:
    def keeps_the_others(value: Tensor, batch: Batch) -> Tensor:
        return (module._group_sum(value, batch) - value) / (module._sizes(batch).unsqueeze(1) - 1)

    monkeypatch.setattr(module, "_less_others", keeps_the_others)
    assert float((bandit(config(group=4), steps=200) - OPTIMUM).abs().max()) > 5 * TOLERANCE


def test_grpo_is_the_group_z_score() -> None:
    rewards = [1.0, 2.0, 4.0]
    batch = plant([tuple(completion([1, 2], reward) for reward in rewards)], 3.0)
    logp = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    loss, _ = policy(config(advantage="grpo"), 0.0)(Scores(logp), batch)
    got = -torch.autograd.grad(loss, logp)[0].view(3, 2) * 3
    z = (np.array(rewards) - np.mean(rewards)) / (np.std(rewards, ddof=1) + 1e-4)
    torch.testing.assert_close(got, torch.from_numpy(z)[:, None].expand(3, 2), rtol=1e-6, atol=1e-6)


def clipped_gradients(ratios: Sequence[float], advantage: float, **changes: Any) -> list[float]:
    """−gradient times completions by ``log π`` of the first completion, whose tokens have these ratios."""
    tokens = list(range(1, len(ratios) + 1))
    group = (completion(tokens, advantage), completion(tokens, 0.0))
    old = torch.full((2 * len(ratios),), -1.0, dtype=torch.float64)
    batch = replace(plant([group], 2.0), behaviour_logp=old)
    logp = (old + torch.tensor([*ratios, *[1.0] * len(ratios)], dtype=torch.float64).log()).requires_grad_()
    loss, _ = policy(config(reuse=2, **changes), 0.0)(Scores(logp), batch)
    gradient: Tensor = torch.autograd.grad(loss, logp)[0]
    return (-2 * gradient[: len(ratios)]).tolist()


def test_ratios_are_clipped_on_the_side_that_pays() -> None:
    assert clipped_gradients([0.5, 1.0, 1.5], 1.0) == pytest.approx([0.5, 1.0, 0.0])
    assert clipped_gradients([0.5, 1.0, 1.5], -1.0) == pytest.approx([0.0, -1.0, -1.5])


def test_the_upper_bound_may_be_wider() -> None:
    assert clipped_gradients([1.25, 1.35], 1.0) == pytest.approx([0.0, 0.0])
    assert clipped_gradients([1.25, 1.35], 1.0, clip_high=0.3) == pytest.approx([1.25, 0.0])
    assert clipped_gradients([0.85, 0.75], -1.0, clip_high=0.3) == pytest.approx([-0.85, 0.0])


def test_rollouts_used_once_have_a_ratio_of_exactly_one() -> None:
    batch = plant([(completion([1], 1.0), completion([2], 0.0))], 2.0)
    logp = torch.tensor([-3.0, -0.1], requires_grad=True)
    noisy = replace(batch, behaviour_logp=torch.tensor([-9.0, -9.0]))
    loss, metrics = policy(config(), 0.0)(Scores(logp), noisy)
    assert loss.item() == 0.0
    assert metrics["clipped"] == 0.0


def test_the_engines_own_log_probs_are_corrected_up_to_the_cap() -> None:
    batch = plant([(completion([1], 1.0), completion([2], 0.0))], 2.0)
    logp = torch.tensor([-1.0, -1.0], dtype=torch.float64, requires_grad=True)
    behaviour = torch.tensor([-1.0 - np.log(1.5), -1.0 - np.log(9.0)], dtype=torch.float64)
    loss, _ = policy(config(engine_correction=2.0), 0.0)(Scores(logp), replace(batch, behaviour_logp=behaviour))
    got = -2 * torch.autograd.grad(loss, logp)[0]
    torch.testing.assert_close(got, torch.tensor([1.5, -2.0], dtype=torch.float64))


def test_a_tokens_weight_depends_on_the_aggregation() -> None:
    groups: list[Group] = [(completion([1], 1.0), completion([1, 2, 2, 2], 0.0))]
    for how, expected in (("constant", [1 / 2] * 2), ("sequence", [1.0, 1 / 4]), ("token", [2 / 5] * 2)):
        (group,) = weigh(groups, config(aggregation=how))
        assert [sequence.importance for sequence in group] == pytest.approx(expected), how


def _random_groups(seed: int, count: int = 4) -> list[Group]:
    random = np.random.default_rng(seed)
    made: list[Group] = []
    for prompt in range(count):
        head = random.integers(3, 9, 40).tolist()
        group: list[TokenSequence] = []
        for _ in range(int(random.integers(2, 5))):
            answer = random.integers(3, 9, int(random.integers(1, 6))).tolist()
            weight = np.array([0.0] * 41 + [1.0] * len(answer), np.float32)
            group.append(
                TokenSequence(
                    np.array([prompt + 10, *head, *answer]),
                    weight,
                    example_id=f"{prompt}/{len(group)}",
                    reward=float(random.normal()),
                    reference_N=random.normal(-1, 0.5, len(answer)),
                    behaviour_N=random.normal(-1, 0.5, len(answer)),
                    bonus_N=random.normal(0, 1, len(answer)),
                )
            )
        made.append(tuple(group))
    return made


def _fake_score(batch: Batch) -> Tensor:
    """Log-probs that depend on the sequence and the place alone, not on the layout."""
    place = module._place(batch)
    return torch.stack(
        [
            torch.tensor(
                -1.0 - (zlib.crc32(f"{batch.example_id[seq]} {int(at)}".encode()) % 97) / 97, dtype=torch.float64
            )
            for seq, at in zip(batch.score_seq.tolist(), place.tolist(), strict=True)
        ]
    )


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    advantage=st.sampled_from(["rloo", "grpo"]),
    kl=st.sampled_from(["reward", "gradient"]),
    aggregation=st.sampled_from(["token", "sequence", "constant"]),
    reuse=st.integers(1, 2),
)
def test_micro_batches_add_up_whatever_the_layout(
    seed: int, advantage: str, kl: str, aggregation: str, reuse: int
) -> None:
    chosen = config(advantage=advantage, kl=kl, aggregation=aggregation, reuse=reuse, entropy=True)
    groups = weigh(_random_groups(seed), chosen)
    whole = _total(pack(groups, 100_000, completion_count(groups)), chosen)
    parts = _total(pack(groups, 60, completion_count(groups), share=False), chosen)
    assert parts == pytest.approx(whole, rel=1e-6, abs=1e-6)  # rewards are float32


def _total(batches: Sequence[Batch], chosen: RlConfig) -> dict[str, float]:
    total: dict[str, float] = {}
    for batch in batches:
        loss, metrics = policy(chosen, 0.1)(Scores(_fake_score(batch), entropy=_fake_score(batch)), batch)
        for name, value in {**metrics, "loss": float(loss)}.items():
            total[name] = total.get(name, 0.0) + value
    return total


@given(
    kl=st.lists(st.floats(0, 100), max_size=20),
    target=st.floats(0.1, 10),
    cut=st.integers(0, 20),
)
def test_beta_follows_the_log_alone(kl: list[float], target: float, cut: int) -> None:
    chosen = config(beta=0.1, kl_target=target)
    log = [{"kl": value} for value in kl]
    whole = adaptive_beta(chosen, log)
    by_hand = 0.1
    for value in kl:
        by_hand *= 1 + 0.1 * float(np.clip(value / target - 1, -0.2, 0.2))
    assert whole == pytest.approx(by_hand, rel=1e-12)
    assert adaptive_beta(chosen.model_copy(update={"beta": adaptive_beta(chosen, log[:cut])}), log[cut:]) == whole
    assert adaptive_beta(chosen.model_copy(update={"kl_target": None}), log) == 0.1


def test_lines_without_a_kl_leave_beta_alone() -> None:
    chosen = config(beta=0.1, kl_target=1.0)
    assert adaptive_beta(chosen, [{"loss": 1.0}, {"kl": 50.0}]) == pytest.approx(0.102)


def test_a_group_of_one_is_refused() -> None:
    batch = plant([(completion([1], 1.0),)], 1.0)
    with pytest.raises(AssertionError, match="two completions"):
        policy(config(), 0.0)(Scores(torch.zeros(1)), batch)


def test_the_metrics_are_means_over_completions() -> None:
    batch = plant([(completion([1, 2], 1.0), completion([1], 3.0))], 2.0)
    anchored = replace(batch, reference_logp=torch.tensor([-1.0, -1.0, -1.0]))
    objective: Callable[..., Any] = policy(config(), 0.1)
    _, metrics = objective(Scores(torch.tensor([-0.5, -0.7, -0.2]), torch.tensor([1.0, 2.0, 3.0])), anchored)
    expected = {"reward": 2.0, "length": 1.5, "clipped": 0.0, "kl": 0.8, "kl_token": 0.6, "entropy": 2.25}
    assert metrics == pytest.approx(expected)
