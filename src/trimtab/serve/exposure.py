"""Who can reach the gateway: beyond this machine it is served with keys, or on an explicit word."""

import ipaddress
import socket

from trimtab.records import UserError


def check_exposure(listener: socket.socket, *, has_keys: bool, insecure: bool) -> None:
    """Raise UserError where others could reach a gateway that asks for no key."""
    host = str(listener.getsockname()[0])
    if has_keys or insecure or ipaddress.ip_address(host.partition("%")[0]).is_loopback:
        return
    raise UserError(
        f"{host} can be reached from other machines, and no key was ever made",
        field="gateway.host",
        expected="127.0.0.1, or a workspace with keys",
        fix="Make one with `trimtab keys create TENANT`, or say --insecure to serve whoever asks",
    )
