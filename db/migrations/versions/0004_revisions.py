"""Revisions of a study, and the rules under which a session began."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

OURS = ("(check)", "anchor")  # conditions that no study.yaml names


def upgrade() -> None:
    op.create_table(
        "revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("frozen", sa.JSON(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_revision_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revision")),
        sa.UniqueConstraint("study_id", "number", name=op.f("uq_revision_study_id_number")),
    )
    op.add_column("session", sa.Column("revision", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("session", sa.Column("rules", sa.JSON(), nullable=True))
    connection = op.get_bind()
    launched = connection.execute(
        sa.text("SELECT study_id, min(started_at) AS began FROM session GROUP BY study_id ORDER BY study_id")
    )
    for study, began in launched.all():
        table = sa.table(
            "revision",
            *(sa.column(name) for name in ("study_id", "number", "sha256")),
            sa.column("frozen", sa.JSON()),
            sa.column("made_at", sa.DateTime(timezone=True)),
        )
        moment = datetime.fromisoformat(began) if isinstance(began, str) else began  # SQLite gives a text
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        op.execute(
            table.insert().values(study_id=study, number=1, frozen=_known(connection, study), sha256="", made_at=moment)
        )


def _known(connection: sa.Connection, study: int) -> dict[str, object]:
    """Say what the clips and trials of a study tell of its configuration; the rest is filled in when it is opened."""
    clips = connection.execute(
        sa.text(
            "SELECT c.name, s.prompt, s.seed FROM stimulus s JOIN condition c ON c.id = s.condition_id"
            " WHERE s.study_id = :study AND s.active ORDER BY s.place"
        ),
        {"study": study},
    ).all()
    tested = [row for row in clips if row[0] not in OURS]
    latest = connection.execute(
        sa.text(
            "SELECT t.question FROM trial t JOIN session s ON s.id = t.session_id WHERE s.study_id = :study"
            " ORDER BY s.id DESC, t.id DESC LIMIT 1"
        ),
        {"study": study},
    ).scalar()
    known: dict[str, object] = {"scale": {"type": latest}} if latest else {}
    if tested:
        known["conditions"] = list(dict.fromkeys(row[0] for row in tested))
        known["prompts"] = list(dict.fromkeys(row[1] for row in tested))
        known["sampling"] = {"seeds": list(dict.fromkeys(row[2] for row in tested))}
    return dict(json.loads(json.dumps(known)))


def downgrade() -> None:
    op.drop_column("session", "rules")
    op.drop_column("session", "revision")
    op.drop_table("revision")
