"""Admission: a bounded, fair queue before an adaptive limit; what cannot make its deadline is refused at once."""

from trimtab.serve.admission.config import AdmissionConfig
from trimtab.serve.admission.control import Controller
from trimtab.serve.admission.fair import FairQueue
from trimtab.serve.admission.gate import Admission, Place
from trimtab.serve.admission.limiter import Limiter
from trimtab.serve.admission.snapshot import Snapshot
from trimtab.serve.admission.ticket import Refusal, Ticket

__all__ = [
    "Admission",
    "AdmissionConfig",
    "Controller",
    "FairQueue",
    "Limiter",
    "Place",
    "Refusal",
    "Snapshot",
    "Ticket",
]
