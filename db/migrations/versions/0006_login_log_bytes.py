"""The researcher's logins, and how much a session's log of events holds."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "login",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_login_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login")),
        sa.UniqueConstraint("digest", name=op.f("uq_login_digest")),
    )
    op.add_column("session", sa.Column("log_bytes", sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE session SET log_bytes = (SELECT coalesce(sum(200 + length(CAST(event.detail AS TEXT))), 0)"
        " FROM event WHERE event.session_id = session.id)"
    )


def downgrade() -> None:
    op.drop_column("session", "log_bytes")
    op.drop_table("login")
