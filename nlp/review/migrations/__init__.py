"""How a review's database is brought from one version to the next, by Alembic."""
