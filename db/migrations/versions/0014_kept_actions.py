"""The log of what researchers did is refused every change but another line."""

from collections.abc import Sequence

from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

REFUSED = "lines of the log of actions are neither changed nor removed"
FUNCTION = f"""CREATE OR REPLACE FUNCTION action_kept() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{REFUSED}'; END $$"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for what in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER action_kept_{what} BEFORE {what.upper()} ON action "
                f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
            )
        return
    op.execute(FUNCTION)
    op.execute(
        "CREATE TRIGGER action_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON action "
        "FOR EACH STATEMENT EXECUTE FUNCTION action_kept()"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for what in ("update", "delete"):
            op.execute(f"DROP TRIGGER action_kept_{what}")
        return
    op.execute("DROP TRIGGER action_kept ON action")
    op.execute("DROP FUNCTION action_kept()")
