"""Views of analyses for people: the terminal now; charts and pages build on the same ``highlight``."""
