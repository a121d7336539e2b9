"""Several products on one port: a thin router in front of gateways that know nothing of each other."""

from trimtab.serve.products.router import Product, Router

__all__ = ["Product", "Router"]
