"""The dashboard: one server-rendered page over the store, and the rollback switch."""

from trimtab.web.app import create_dashboard

__all__ = ["create_dashboard"]
