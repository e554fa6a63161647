"""Where people come from, what is asked and checked, and how a session ends."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

MOMENT = sa.DateTime(timezone=True)


# Columns are added and none is changed: SQLite would have to copy tables that others point to.
def upgrade() -> None:
    op.add_column("participant", sa.Column("external_id", sa.String(length=200), nullable=True))
    op.add_column("participant", sa.Column("withdrawn_at", MOMENT, nullable=True))
    op.create_index("uq_participant_study_id_external_id", "participant", ["study_id", "external_id"], unique=True)
    for column in (
        sa.Column("seen_at", MOMENT, nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("counted", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("headphone", sa.JSON(), nullable=True),
        sa.Column("answers", sa.JSON(), nullable=True),
        sa.Column("language", sa.String(length=10), nullable=True),
        sa.Column("device", sa.String(length=20), nullable=True),
        sa.Column("browser", sa.String(length=40), nullable=True),
        sa.Column("volume", sa.Double(), nullable=True),
    ):
        op.add_column("session", column)
    op.execute("UPDATE session SET seen_at = coalesce(finished_at, started_at)")
    op.execute("UPDATE session SET outcome = 'finished' WHERE finished_at IS NOT NULL")
    op.add_column("trial", sa.Column("check", sa.JSON(), nullable=True))
    op.add_column("trial", sa.Column("skipped", sa.String(length=200), nullable=True))
    op.add_column("rating", sa.Column("comment", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    for table, columns in (
        ("rating", ["comment"]),
        ("trial", ["skipped", "check"]),
        (
            "session",
            [
                "volume",
                "browser",
                "device",
                "language",
                "answers",
                "headphone",
                "failures",
                "counted",
                "outcome",
                "seen_at",
            ],
        ),
    ):
        for name in columns:
            op.drop_column(table, name)
    op.drop_index("uq_participant_study_id_external_id", "participant")
    op.drop_column("participant", "withdrawn_at")
    op.drop_column("participant", "external_id")
