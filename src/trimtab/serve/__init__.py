"""The gateway: OpenAI's API, the sticky canary split, arms swapped at run time, a trace for every request."""

from trimtab.serve.admission import AdmissionConfig
from trimtab.serve.app import create_app
from trimtab.serve.arms import Served
from trimtab.serve.beside import beside
from trimtab.serve.config import ServeConfig
from trimtab.serve.errors import ApiError
from trimtab.serve.exchange import Free, Meter
from trimtab.serve.exposure import check_exposure
from trimtab.serve.gateway import Gateway, Task
from trimtab.serve.server import bind, run_server, url_of
from trimtab.serve.split import arm_of
from trimtab.serve.tenants import KeyedTenants

__all__ = [
    "AdmissionConfig",
    "ApiError",
    "Free",
    "Gateway",
    "KeyedTenants",
    "Meter",
    "ServeConfig",
    "Served",
    "Task",
    "arm_of",
    "beside",
    "bind",
    "check_exposure",
    "create_app",
    "run_server",
    "url_of",
]
