"""Decisions cannot be changed; who has finished a case, and who is to judge it, can be asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SQLITE = """
CREATE TRIGGER review_decisions_no_{verb} BEFORE {verb} ON review_decisions
BEGIN SELECT RAISE(ABORT, 'review_decisions is append-only'); END
"""
_POSTGRESQL = (
    """
CREATE FUNCTION review_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'review_decisions is append-only'; END $$
""",
    """
CREATE TRIGGER review_decisions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON review_decisions
FOR EACH STATEMENT EXECUTE FUNCTION review_refuse()
""",
)


def upgrade() -> None:
    for name in ("first", "second"):
        op.add_column("review_cases", sa.Column(name, sa.Text))
    judged = op.create_table(
        "review_judged",
        sa.Column("case_key", sa.String(16), sa.ForeignKey("review_cases.key"), primary_key=True),
        sa.Column("reviewer", sa.String(30), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    if finished := _finished():
        op.bulk_insert(judged, finished)
    if op.get_bind().dialect.name == "sqlite":
        statements = [_SQLITE.format(verb=verb) for verb in ("UPDATE", "DELETE")]
    else:
        statements = list(_POSTGRESQL)
    for statement in statements:
        op.execute(sa.text(statement))


def _finished() -> list[dict[str, object]]:
    """Who had finished what before there was a table for it."""
    plain = [sa.Column(name, sa.String) for name in ("case_key", "stream", "kind")]
    own = [sa.Column("id", sa.Integer), sa.Column("value", sa.JSON), sa.Column("at", sa.DateTime(timezone=True))]
    decisions = sa.Table("review_decisions", sa.MetaData(), *plain, *own)
    lines = op.get_bind().execute(sa.select(decisions).order_by(decisions.c.id)).mappings().all()
    taken_back = {line["value"]["of"] for line in lines if line["kind"] == "retract"}
    done = {
        (line["case_key"], line["stream"]): line["at"]
        for line in lines
        if line["kind"] == "done" and line["id"] not in taken_back and not line["stream"].startswith("@")
    }
    return [{"case_key": case, "reviewer": name, "at": at} for (case, name), at in done.items()]
