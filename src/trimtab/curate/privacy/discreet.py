"""The door's report without personal data: what a drop, a repair or a finding quotes of a row is hidden too."""

from dataclasses import replace
from typing import Any, TypeVar

from trimtab.curate.place import Drop
from trimtab.curate.privacy.config import PrivacyConfig
from trimtab.curate.privacy.hide import Find, hide
from trimtab.curate.privacy.stage import finder
from trimtab.curate.report import Report
from trimtab.curate.stage import Repair

T = TypeVar("T", Drop, Repair)


def discreet(report: Report, config: PrivacyConfig) -> Report:
    """The same report; its rows, which are clean already, stay as they are, and so do names of sources and files."""
    if not config.scrub:
        return report
    find = finder(config)
    return replace(
        report,
        drops=tuple(_said(drop, find) for drop in report.drops),
        repairs=tuple(_said(repair, find) for repair in report.repairs),
        findings={name: _without(dict(found), find) for name, found in report.findings.items()},
    )


def _said(entry: T, find: Find) -> T:
    return replace(entry, detail=_without(entry.detail, find)) if find(entry.detail) else entry


def _without(value: Any, find: Find) -> Any:
    hidden = hide(value, find)
    return value if hidden is None else hidden.value
