"""A Bradley-Terry model of features: how far the differences between two sides explain which side was chosen.

Axes: P pairs, F features.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_STEPS = 50


def fit_paired_logistic(difference_PF: Floats, weight_P: Floats | None = None, ridge: float = 1.0) -> Floats:
    """[F] β that minimises Σ_p w_p log(1 + exp(−β·d_p)) + ridge/2 |β|², by Newton's method with halved steps.

    d = features of the chosen side less those of the rejected (Bradley & Terry 1952 with covariates: no intercept,
    so that swapping the sides of a pair changes nothing). Scale the features first. Raises ValueError where ridge is
    not above 0.
    """
    if ridge <= 0:
        raise ValueError("ridge must be above 0: a feature that decides all pairs has no finite coefficient")
    d, w = difference_PF, np.ones(len(difference_PF)) if weight_P is None else weight_P
    beta_F = np.zeros(d.shape[1])
    loss = _loss(beta_F, d, w, ridge)
    for _ in range(_STEPS):
        right_P = _sigmoid(d @ beta_F)
        gradient_F = -d.T @ (w * (1 - right_P)) + ridge * beta_F
        hessian_FF = (d.T * (w * right_P * (1 - right_P))) @ d + ridge * np.eye(len(beta_F))
        step_F = np.linalg.solve(hessian_FF, gradient_F)
        size = 1.0
        while (after := _loss(beta_F - size * step_F, d, w, ridge)) > loss and size > 1e-6:
            size /= 2
        beta_F, before, loss = beta_F - size * step_F, loss, after
        if before - loss <= 1e-10 * (1 + abs(loss)):
            break
    return beta_F


def held_out_logits(difference_PF: Floats, fold_P: npt.NDArray[np.intp], ridge: float = 1.0) -> Floats:
    """[P] β·d of each pair by the model of the other folds; 0 (a coin flip) where there are none."""
    logit_P = np.zeros(len(difference_PF))
    for fold in np.unique(fold_P):
        apart = fold_P == fold
        if not apart.all():
            logit_P[apart] = difference_PF[apart] @ fit_paired_logistic(difference_PF[~apart], ridge=ridge)
    return logit_P


def _loss(beta_F: Floats, d: Floats, w: Floats, ridge: float) -> float:
    return float(w @ np.logaddexp(0.0, -(d @ beta_F)) + ridge / 2 * beta_F @ beta_F)


def _sigmoid(x: Floats) -> Floats:
    value: Floats = 1 / (1 + np.exp(-np.clip(x, -500, 500)))
    return value
