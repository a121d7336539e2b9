"""The Vendi score: how many things that have nothing in common a sample is worth."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def vendi(kernel: Floats) -> float:
    """exp(−Σ λ log λ) over the eigenvalues λ of K/n (Friedman and Dieng 2023, definition 3.1): from 1 to n.

    ``kernel``: (n, n), symmetric, positive semidefinite, with 1 on its diagonal. Raises ValueError where it is not.
    """
    k = np.asarray(kernel, dtype=np.float64)
    if k.ndim != 2 or k.shape[0] != k.shape[1] or not len(k):
        raise ValueError("needs a square kernel of at least one row")
    if not (np.allclose(k, k.T) and np.allclose(np.diag(k), 1.0)):
        raise ValueError("needs a symmetric kernel with 1 on its diagonal")
    return _effective(np.linalg.eigvalsh(k / len(k)))


def vendi_of(features: Floats) -> float:
    """``vendi`` of the cosine kernel of ``features`` (n, d), from whichever Gram matrix is smaller.

    Raises ValueError where a row has no length.
    """
    x = np.asarray(features, dtype=np.float64)
    lengths = np.linalg.norm(x, axis=1, keepdims=True) if x.ndim == 2 else np.zeros(1)
    if not len(x) or not (lengths > 0).all():
        raise ValueError("needs rows of features that are not 0")
    x = x / lengths
    gram = x.T @ x if x.shape[1] < len(x) else x @ x.T
    return _effective(np.linalg.eigvalsh(gram / len(x)))


def _effective(eigenvalues: npt.ArrayLike) -> float:
    values = np.asarray(eigenvalues, dtype=np.float64)
    positive = values[values > 0]
    return float(np.exp(-(positive * np.log(positive)).sum()))
