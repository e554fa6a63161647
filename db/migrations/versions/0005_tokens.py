"""Tokens are stored as keyed hashes, and a participant has more than one: see db/tokens.py.

The hashes are made when the study is served next, which knows the key; until then `link` is empty.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

KINDS = ("link", "resume")


def upgrade() -> None:
    for kind in KINDS:
        op.add_column("participant", sa.Column(kind, sa.String(length=64), nullable=True))
        op.create_index(f"uq_participant_{kind}", "participant", [kind], unique=True)


def downgrade() -> None:
    for kind in reversed(KINDS):
        op.drop_index(f"uq_participant_{kind}", "participant")
        op.drop_column("participant", kind)
