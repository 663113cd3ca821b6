"""Cases, what they are filtered by, reviewers, decisions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "review_cases",
        sa.Column("key", sa.String(16), primary_key=True),
        sa.Column("case_id", sa.Text, nullable=False),
        sa.Column("file", sa.Text),
        sa.Column("title", sa.Text),
        sa.Column("issuer", sa.Text),
        sa.Column("date", sa.String(10)),
        sa.Column("priority", sa.Float, nullable=False),
        sa.Column("disagree", sa.Boolean, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("row", sa.JSON, nullable=False),
        sa.Column("superseded_by", sa.String(16)),
        sa.Column("imported", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("review_cases_queue", "review_cases", ["priority", "key"])
    op.create_index("review_cases_id", "review_cases", ["case_id"])
    op.create_table(
        "review_facets",
        sa.Column("case_key", sa.String(16), sa.ForeignKey("review_cases.key"), primary_key=True),
        sa.Column("kind", sa.String(10), primary_key=True),
        sa.Column("value", sa.String(80), primary_key=True),
    )
    op.create_index("review_facets_value", "review_facets", ["kind", "value"])
    op.create_table(
        "review_reviewers",
        sa.Column("name", sa.String(30), primary_key=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "review_decisions",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("case_key", sa.String(16), sa.ForeignKey("review_cases.key"), nullable=False),
        sa.Column("stream", sa.String(30), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("author", sa.String(30), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("target", sa.String(80)),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("case_key", "stream", "seq", name="review_decisions_once"),
    )
