"""The steps of a turn, in order: data, teaching, aligning, judging, shipping."""

from trimtab.loop.steps.align import DPO, KTO, REWARD, RL
from trimtab.loop.steps.data import BASE, CURATE, IMPORT
from trimtab.loop.steps.judge import EVALUATE
from trimtab.loop.steps.ship import GATE, RELEASE
from trimtab.loop.steps.teach import ANCHOR, REFRESH, SFT

TURN = (BASE, IMPORT, CURATE, SFT, ANCHOR, DPO, KTO, REWARD, RL, REFRESH, EVALUATE, GATE, RELEASE)

__all__ = ["TURN"]
