"""How an answer is said, as scores of one case."""

from trimtab.text import style, words


def manner_scores(answer: str) -> dict[str, float]:
    """``hedges_per_100_words``; nothing where nothing was said."""
    said = len(words(answer))
    return {"hedges_per_100_words": 100 * style(answer).hedges / said} if said else {}
