"""Scores with fractions, and answers on several scales of one trial."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    # Nothing points to ratings, so that SQLite may copy the table to change a column.
    with op.batch_alter_table("rating") as rating:
        rating.alter_column("score", existing_type=sa.Integer(), type_=sa.Float(), existing_nullable=True)
        rating.add_column(sa.Column("answers", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("rating") as rating:
        rating.drop_column("answers")
        rating.alter_column("score", existing_type=sa.Float(), type_=sa.Integer(), existing_nullable=True)
