"""Why a session was excluded, and what it was before."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

UNKNOWN = "discarded before reasons were kept"


def upgrade() -> None:
    op.add_column("session", sa.Column("excluded", sa.Text(), nullable=True))
    op.add_column("session", sa.Column("before", sa.JSON(), nullable=True))
    session = sa.table("session", sa.column("excluded", sa.Text()), sa.column("outcome", sa.String()))
    discarded = session.c.outcome.in_(["discarded", "finished_discarded"])
    op.execute(session.update().where(discarded).values(excluded=UNKNOWN))


def downgrade() -> None:
    op.drop_column("session", "before")
    op.drop_column("session", "excluded")
