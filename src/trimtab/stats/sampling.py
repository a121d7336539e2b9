"""What several samples of one question say: pass@k without bias."""

import math


def pass_at_k(samples: int, passed: int, k: int) -> float:
    """The chance that one of ``k`` samples passes, 1 − C(n − c, k)/C(n, k) (Chen et al. 2021, eq. 1).

    Unbiased for ``passed`` = c of ``samples`` = n ≥ k; as the product 1 − Π_{i=n−c+1}^{n} (1 − k/i), which stays
    exact where the binomials are huge. Raises ValueError unless 0 ≤ c ≤ n and 1 ≤ k ≤ n.
    """
    if not (0 <= passed <= samples and 1 <= k <= samples):
        raise ValueError("needs 0 <= passed <= samples and 1 <= k <= samples")
    if samples - passed < k:
        return 1.0
    return 1.0 - math.prod(1.0 - k / i for i in range(samples - passed + 1, samples + 1))
