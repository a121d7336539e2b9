"""Several expositions of Prometheus' text format (0.0.4) as one: each sample says which product it is of."""

from collections.abc import Iterator, Mapping


def merged(texts: Mapping[str, str]) -> str:
    """One exposition of ``texts`` by product: every family once, its samples labelled ``product`` and kept together."""
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for product, text in texts.items():
        for family, line in _by_family(text):
            if line.startswith("#"):
                if line not in heads.setdefault(family, []):
                    heads[family].append(line)
            else:
                samples.setdefault(family, []).append(_labelled(line, product))
    lines = [line for family in heads | samples for line in (*heads.get(family, ()), *samples.get(family, ()))]
    return "\n".join(lines) + "\n"


def _by_family(text: str) -> Iterator[tuple[str, str]]:
    """Each line with the family under whose heading it stands."""
    family = ""
    for line in text.splitlines():
        if line.startswith(("# TYPE ", "# HELP ")):
            family = line.split(" ", 3)[2]
        if line:
            yield family, line


def _labelled(sample: str, product: str) -> str:
    """The sample with the label put first; a product's name needs no escapes."""
    name, brace, rest = sample.partition("{")
    if brace:
        return f'{name}{{product="{product}"' + ("" if rest.startswith("}") else ",") + rest
    name, _, value = sample.partition(" ")
    return f'{name}{{product="{product}"}} {value}'
