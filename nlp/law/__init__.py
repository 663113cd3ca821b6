"""Checks of a decision against the regulations in force, and of the measures in one case against each other."""
