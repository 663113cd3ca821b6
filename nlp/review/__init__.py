"""The review page: a scored file -> a queue for people -> decisions in a database -> gold.

In: rows of ``wenze score``. Out: append-only decisions, and gold cases drawn from them. Never changes a scored file and
never forgets a decision. Needs the extra ``review``.
"""

from __future__ import annotations


class ReviewError(ValueError):
    """What stops a review (a file, a database, an address); says what is wrong and what to do, in Chinese."""
