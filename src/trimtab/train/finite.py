"""A loss that is no number, said with the step and the rows that gave it."""

import math
from collections.abc import Iterable

from trimtab.records import UserError
from trimtab.train.forest.batch import Batch

_NAMED = 8
_ID = 12
"""Characters of a row's id, as in the messages on bad rows."""


class NotFinite(Exception):
    """A micro-batch whose loss is NaN or infinite; raised before anything has moved."""

    def __init__(self, batch: Batch) -> None:
        super().__init__()
        self.batch = batch


def finite(loss: float, batch: Batch) -> float:
    """The loss itself. Raises NotFinite."""
    if not math.isfinite(loss):
        raise NotFinite(batch)
    return loss


def not_a_number(what: str, step: int, batches: Iterable[Batch]) -> UserError:
    """``what`` is the loss or the gradient; the rows of ``batches`` are named by id."""
    ids = dict.fromkeys(example.split("/")[0][:_ID] for batch in batches for example in batch.example_id)
    named = ", ".join(list(ids)[:_NAMED]) + (f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else "")
    return UserError(
        f"the {what} is no longer a number at step {step}, on rows {named}",
        fix="Look at these rows; if they are sound, lower the learning rate",
    )
