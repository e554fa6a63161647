"""What a session is asked beside the clips, and clips that are for checks or practice alone."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("session", sa.Column("asked", sa.JSON(), nullable=True))
    op.add_column("stimulus", sa.Column("kind", sa.String(length=20), nullable=False, server_default="trial"))
    op.add_column("stimulus", sa.Column("expected", sa.Double(), nullable=True))
    op.add_column("stimulus", sa.Column("tolerance", sa.Double(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE stimulus SET kind = 'instructed', expected = seed"
        " WHERE condition_id IN (SELECT id FROM condition WHERE name = '(check)')"
    )


def downgrade() -> None:
    op.drop_column("stimulus", "tolerance")
    op.drop_column("stimulus", "expected")
    op.drop_column("stimulus", "kind")
    op.drop_column("session", "asked")
