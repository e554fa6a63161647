"""Trials of several clips, and answers that are more or less than one score."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("trial", sa.Column("question", sa.String(length=10), nullable=False, server_default="acr"))
    op.create_table(
        "trial_clip",
        sa.Column("trial_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("stimulus_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["trial_id"], ["trial.id"], name=op.f("fk_trial_clip_trial_id_trial"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["stimulus_id"], ["stimulus.id"], name=op.f("fk_trial_clip_stimulus_id_stimulus")),
        sa.PrimaryKeyConstraint("trial_id", "place", name=op.f("pk_trial_clip")),
    )
    op.create_index(op.f("ix_trial_clip_stimulus_id"), "trial_clip", ["stimulus_id"])
    # Nothing points to ratings, so that SQLite may copy the table to loosen a column.
    with op.batch_alter_table("rating") as rating:
        rating.alter_column("score", existing_type=sa.Integer(), nullable=True)
        rating.add_column(sa.Column("scores", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.execute("DELETE FROM rating WHERE score IS NULL")  # answers that were no score
    with op.batch_alter_table("rating") as rating:
        rating.drop_column("scores")
        rating.alter_column("score", existing_type=sa.Integer(), nullable=False)
    op.drop_table("trial_clip")
    op.drop_column("trial", "question")
