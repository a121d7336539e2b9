"""A process that fails as the launcher's test asks, without torch: ``python -m tests.train.processes.failing HOW``."""

import sys
import time

from trimtab.records import Stopped, UserError
from trimtab.train.processes.world import leave_verdict, world


def main(how: str) -> None:
    if how == "all" or (world().rank == 1 and how in ("one", "stopped")):
        error = Stopped("the gate says no") if how == "stopped" else UserError("it is broken", field="rows")
        sys.exit(2 if leave_verdict(error) else 9)
    if how == "bug" and world().rank == 1:
        raise AssertionError("an invariant does not hold")
    time.sleep(0 if how == "none" else 120)


if __name__ == "__main__":
    main(sys.argv[1])
