"""The gate's floor for served = trained follows the precision, unless the workspace has its own."""

from trimtab.engine import FLOORS
from trimtab.loop.steps.ship import floored
from trimtab.release import GateConfig


def test_quantised_weights_are_gated_by_their_own_floor_unless_the_workspace_has_one() -> None:
    plain, own = GateConfig(), GateConfig(served_floor=0.01)
    assert floored(plain, "bf16").served_floor == plain.served_floor < floored(plain, "int8").served_floor
    assert floored(plain, "int8").served_floor == FLOORS["int8"] < floored(plain, "int4").served_floor
    assert floored(own, "int4").served_floor == 0.01
