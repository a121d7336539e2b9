"""Backlogs: every needs-work event ends in a queue or is refused with a reason; trust and people decide.

``events`` finds them, ``triage`` decides (with ``trust``), ``fates`` keeps the books, ``desk`` is for people, ``taken``
notes what a turn learnt; ``loop.reap`` runs them in order.
"""
