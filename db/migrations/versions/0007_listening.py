"""What the server sees of listening: the clips that it served and the time that a trial was open; whether it can write.


Sessions that run keep no moment of opening, so that none of their answers is judged by what was not yet noted.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "served",
        sa.Column("trial_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("stimulus_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.id"], name=op.f("fk_served_trial_id_trial"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["stimulus_id"], ["stimulus.id"], name=op.f("fk_served_stimulus_id_stimulus")),
        sa.PrimaryKeyConstraint("trial_id", "place", "stimulus_id", name=op.f("pk_served")),
    )
    op.add_column("session", sa.Column("opened", sa.JSON(), nullable=True))
    op.add_column("study", sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("rating", sa.Column("open_ms", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("rating", "open_ms")
    op.drop_column("study", "tried_at")
    op.drop_column("session", "opened")
    op.drop_table("served")
