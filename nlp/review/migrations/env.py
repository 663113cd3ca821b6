"""Run by Alembic: migrates over the connection that ``nlp.review.database`` hands over."""

from alembic import context

from nlp.review.database import VERSION_TABLE
from nlp.review.models import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
