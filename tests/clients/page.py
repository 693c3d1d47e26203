"""The comparison as the page shows it: its tables and the list of how each client is used.

Not here: the prose around them (docs/explanation/python-clients.md).
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from clients.claims import SECTIONS
from clients.columns import COLUMNS, Column
from clients.records import ROWS

if TYPE_CHECKING:
    from clients.claims import Claim

NAME = "docs/explanation/python-clients.md"


def parts() -> dict[str, str]:
    """Return what the page must hold, by the heading below which it stands."""
    tables = {heading: table(claims) for heading, claims in SECTIONS.items()}
    return tables | {"How each is used": "\n".join(usage(column) for column in COLUMNS)}


def table(claims: tuple[Claim, ...]) -> str:
    head = row("", *(column.heading for column in COLUMNS))
    rule = "|" + "---|" * (len(COLUMNS) + 1)
    return "\n".join([head, rule, *(row(claim.sentence, *map(str, ROWS[claim.name])) for claim in claims)])


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def usage(column: Column) -> str:
    return textwrap.fill(f"- **{column.heading}**: {column.used}", 120, subsequent_indent="  ", break_on_hyphens=False)
