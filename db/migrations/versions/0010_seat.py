"""The seat of a laboratory at which a session takes place."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("session", sa.Column("seat", sa.String(length=20), nullable=True))


def downgrade() -> None:
    op.drop_column("session", "seat")
