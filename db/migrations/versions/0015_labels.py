"""Whom a personal link was made for."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("participant", sa.Column("label", sa.String(100), nullable=True))


def downgrade() -> None:
    op.drop_column("participant", "label")
