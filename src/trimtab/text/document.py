"""A self-contained HTML page: one head and one look for every page that Trimtab writes, light and dark."""

from collections.abc import Sequence
from html import escape

_STYLE = """
:root {
  --ground: #f6f7f9; --card: #ffffff; --ink: #1b2430; --soft: #5b6778; --rule: #e6e9ee; --edge: #dfe3e9;
  --mark: #0067a8; --alarm: #b84a00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12161c; --card: #1a2029; --ink: #e8ecf2; --soft: #9aa7b8; --rule: #29313d; --edge: #2b3440;
    --mark: #63b8f0; --alarm: #ff9e64;
  }
}
* { box-sizing: border-box; }
body { margin: 0; padding: 28px clamp(14px, 4vw, 48px) 48px; background: var(--ground); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 1280px; margin: 0 auto; }
h1 { margin: 0; font-size: 22px; font-weight: 650; letter-spacing: -.01em; overflow-wrap: anywhere; }
dl { display: flex; flex-wrap: wrap; margin: 18px 0 0; gap: 10px 36px; }
dt { color: var(--soft); font-size: 12.5px; }
dd { margin: 0; font-size: 18px; font-weight: 600; letter-spacing: -.01em; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { padding: 5px 12px 5px 0; text-align: left; vertical-align: top; border-top: 1px solid var(--rule); }
th { color: var(--soft); font-weight: 600; border-top: 0; white-space: nowrap; }
"""


def document(title: str, body: str, *, style: str = "", script: str = "") -> str:
    """The page. ``title`` is text; ``body``, ``style`` and ``script`` are taken as they are: escape what goes in.

    ``style`` comes after the look that all pages share: ground, cards, ink and tables, with ``--mark`` for what is
    shown and ``--alarm`` for what should be seen first.
    """
    script = f"<script>\n{script}</script>\n" if script else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n{script}</body>\n</html>\n"
    )


def facts_row(facts: Sequence[tuple[str, str]]) -> str:
    """A few facts beside each other, name above value; escaped here."""
    cells = (f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    return "<dl>" + "".join(cells) + "</dl>"
