"""The server behind ``serving.engine: openai | vllm``, as its engine's constructor takes it."""

from typing import Any

from trimtab.loop.config import Serving
from trimtab.records import UserError


def endpoint_options(serving: Serving, precision: str, private: bool) -> dict[str, Any]:
    """Options of the configured remote engine. Raises UserError where there is no endpoint, and where several
    tenants (``private``) would share prefixes that the server has computed."""
    from trimtab.engine.remote_link import Endpoint

    told = serving.endpoint
    if told is None:
        raise UserError(
            f"serving.engine is {serving.engine}, and no server is named",
            field="serving.endpoint",
            expected="endpoint: {url: http://127.0.0.1:8000/v1, model: …}",
        )
    endpoint = Endpoint(told.url, told.model, told.key_env, told.timeout_seconds)
    if serving.engine == "vllm":
        return {"endpoint": endpoint, "precision": precision}
    if private and told.prefix_cache:
        raise UserError(
            "several tenants have keys, and what one has asked makes another's answer come sooner on this server",
            field="serving.endpoint.prefix_cache",
            fix="Switch the server's prefix cache off and set this to false, or use serving.engine: vllm",
        )
    return {"endpoint": endpoint, "prefix_cache": told.prefix_cache}
