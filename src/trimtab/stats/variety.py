"""How unlike one another answers are: distinct n-grams, self-BLEU and the Vendi score, each with its jackknife."""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from trimtab.stats.calibration import Floats

Texts = Sequence[Sequence[Hashable]]
_EPSILON = 0.1  # the count of an n-gram order without a match (Chen and Cherry 2014, method 1)


def distinct(texts: Texts, n: int = 1) -> float:
    """Distinct n-grams over all n-grams of the texts (Li et al. 2016). It falls with length: see ``ead``.

    Raises ValueError where no text has n words.
    """
    counts = [_grams(text, n) for text in texts]
    total = sum(sum(one.values()) for one in counts)
    if not total:
        raise ValueError(f"no text has {n} words")
    return len({gram for one in counts for gram in one}) / total


def distinct_contributions(texts: Texts, n: int = 1) -> Floats:
    """The jackknife's pseudo-values, m·θ − (m − 1)·θ₋ᵢ; θ₋ᵢ is θ where without text i no n-gram is left."""
    counts = [_grams(text, n) for text in texts]
    holders = Counter(gram for one in counts for gram in one)
    total, whole = sum(sum(one.values()) for one in counts), distinct(texts, n)
    without = []
    for one in counts:
        left = total - sum(one.values())
        without.append((len(holders) - sum(holders[gram] == 1 for gram in one)) / left if left else whole)
    return _pseudo(whole, np.array(without))


def self_bleu(texts: Texts, order: int = 4) -> float:
    """The mean BLEU of each text against all others (Zhu et al. 2018): 1 where all are alike, lower is more varied.

    BLEU of Papineni et al. (2002), n-grams of 1 to ``order`` with equal weights and clipped by the most any one other
    text holds, its brevity penalty by the nearest length (the shorter of two); an order without a match counts 0.1.
    Needs two texts with words.
    """
    return float(_bleus(texts, order)[0].mean())


def self_bleu_contributions(texts: Texts, order: int = 4) -> Floats:
    """The jackknife's pseudo-values. Leaving a text out changes what the others are held against as well."""
    bleu, without = _bleus(texts, order)
    m = len(texts)
    if m < 3:
        return bleu
    np.fill_diagonal(without, 0.0)
    return _pseudo(float(bleu.mean()), without.sum(axis=0) / (m - 1))


def ngram_kernel(texts: Texts, order: int = 4) -> Floats:
    """[m, m]: the cosine of the texts' n-gram counts, meaned over n = 1 to ``order``; 1 of a text with itself."""
    kernels = [_cosines([_grams(text, n) for text in texts]) for n in range(1, order + 1)]
    whole: Floats = np.mean(kernels, axis=0)
    np.fill_diagonal(whole, 1.0)
    return whole


def vendi(kernel: npt.ArrayLike) -> float:
    """exp(−Σ λ ln λ) over the eigenvalues of K/m (Friedman and Dieng 2023): the number of unlike texts, 1 to m.

    K is positive semi-definite with ones on its diagonal. Raises ValueError where it is no such square.
    """
    k = np.asarray(kernel, dtype=np.float64)
    if k.ndim != 2 or k.shape[0] != k.shape[1] or not len(k) or not np.allclose(np.diag(k), 1.0, atol=1e-5):
        raise ValueError("needs a square kernel with ones on its diagonal")
    values = np.linalg.eigvalsh(k / len(k))
    kept = values[values > 1e-12]
    return float(np.exp(-(kept * np.log(kept)).sum()))


def vendi_contributions(kernel: npt.ArrayLike) -> Floats:
    """The jackknife's pseudo-values, m·θ − (m − 1)·θ₋ᵢ: an eigenvalue problem for each text left out.

    First-order influence values cost one problem and say too little: a standard error of 1.4 where it was 2.0.
    """
    k = np.asarray(kernel, dtype=np.float64)
    kept = ~np.eye(len(k), dtype=bool)
    return _pseudo(vendi(k), np.array([vendi(k[np.ix_(row, row)]) for row in kept]))


def _grams(text: Sequence[Hashable], n: int) -> Counter[tuple[Hashable, ...]]:
    return Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))


def _pseudo(whole: float, without: Floats) -> Floats:
    m = len(without)
    values: Floats = m * whole - (m - 1) * without
    return values


def _cosines(counts: Sequence[Counter[tuple[Hashable, ...]]]) -> Floats:
    """Cosine of each two texts' counts; only n-grams that two of them hold take a column."""
    holders = Counter(gram for one in counts for gram in one)
    column = {gram: i for i, gram in enumerate(gram for gram, held in holders.items() if held > 1)}
    table = np.zeros((len(counts), max(len(column), 1)))
    for i, one in enumerate(counts):
        for gram, count in one.items():
            if (place := column.get(gram)) is not None:
                table[i, place] = count
    lengths = np.sqrt([max(sum(count**2 for count in one.values()), 1) for one in counts])
    product: Floats = table @ table.T / np.outer(lengths, lengths)
    return product


def _bleus(texts: Texts, order: int) -> tuple[Floats, Floats]:
    """Each text's BLEU against all others [m], and against all others but text j [m, m]; linear in the n-grams."""
    m = len(texts)
    if m < 2 or not all(map(len, texts)):
        raise ValueError("needs two texts, each with a word")
    length = np.array([len(text) for text in texts], dtype=np.float64)
    logs, logs_without = np.zeros(m), np.zeros((m, m))
    for n in range(1, order + 1):
        counts = [_grams(text, n) for text in texts]
        matched, lost = _matches(counts)
        total = np.maximum(length - n + 1, 1.0)
        logs += np.log(np.where(matched > 0, matched, _EPSILON) / total) / order
        left = matched[:, None] - lost
        logs_without += np.log(np.where(left > 0, left, _EPSILON) / total[:, None]) / order
    brevity, shorter = _brevities(length)
    return brevity * np.exp(logs), shorter * np.exp(logs_without)


def _matches(counts: Sequence[Counter[tuple[Hashable, ...]]]) -> tuple[Floats, Floats]:
    """Clipped matches of each text with the others [m], and how many of them go with text j [m, m]."""
    m = len(counts)
    most: dict[tuple[Hashable, ...], list[tuple[int, int]]] = {}  # the three texts that hold most of an n-gram
    for i, one in enumerate(counts):
        for gram, count in one.items():
            held = most.setdefault(gram, [])
            held.append((count, i))
            if len(held) > 3:
                held.remove(min(held))
    for held in most.values():
        held.sort(reverse=True)
    matched, lost = np.zeros(m), np.zeros((m, m))
    for i, one in enumerate(counts):
        for gram, count in one.items():
            others = [held for held in most[gram] if held[1] != i]
            if others:
                with_all = min(count, others[0][0])
                matched[i] += with_all
                lost[i, others[0][1]] += with_all - min(count, others[1][0] if len(others) > 1 else 0)
    return matched, lost


def _brevities(length: Floats) -> tuple[Floats, Floats]:
    """Brevity penalty of each text [m], and with text j out [m, m], by the nearest other length, the shorter of two.

    Taking a text out changes it only where that text was the nearest one.
    """
    m = len(length)
    place = np.argsort(length, kind="stable")  # of two as near, the shorter comes first
    gaps = np.abs(length[:, None] - length[place][None])
    gaps[place, np.arange(m)] = np.inf
    first = gaps.argmin(axis=1)
    brevity = _penalty(length, length[place][first])
    shorter = np.repeat(brevity[:, None], m, axis=1)
    if m > 2:
        rows = np.arange(m)
        gaps[rows, first] = np.inf
        shorter[rows, place[first]] = _penalty(length, length[place][gaps.argmin(axis=1)])
    return brevity, shorter


def _penalty(length: Floats, nearest: Floats) -> Floats:
    penalty: Floats = np.where(length > nearest, 1.0, np.exp(1 - nearest / length))
    return penalty
