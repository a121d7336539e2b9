"""The steps of a turn, in order: data, teaching, judging, shipping."""

from trimtab.loop.steps.data import BASE, CURATE, IMPORT
from trimtab.loop.steps.judge import EVALUATE
from trimtab.loop.steps.ship import GATE, RELEASE
from trimtab.loop.steps.teach import ANCHOR, DPO, REFRESH, SFT

TURN = (BASE, IMPORT, CURATE, SFT, ANCHOR, DPO, REFRESH, EVALUATE, GATE, RELEASE)

__all__ = ["TURN"]
