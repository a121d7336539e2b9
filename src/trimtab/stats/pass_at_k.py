"""pass@k: the chance that one of k samples is right, estimated without bias from n of them."""

import math


def pass_at_k(samples: int, right: int, k: int) -> float:
    """1 - C(n - c, k) / C(n, k), for ``samples`` n of which ``right`` c pass.

    Chen et al. 2021 (arXiv 2107.03374), equation 1, as the product that does not overflow. Raises ValueError unless
    0 <= c <= n and 1 <= k <= n.
    """
    if not 0 <= right <= samples or not 1 <= k <= samples:
        raise ValueError(f"pass@k needs 0 <= right <= samples and 1 <= k <= samples, not {right}, {samples}, {k}")
    if samples - right < k:
        return 1.0
    return 1.0 - math.prod(1.0 - k / i for i in range(samples - right + 1, samples + 1))
