"""``wenze serve``: notices in over HTTP, the rows of ``wenze score`` out.

The process that listens never reads a text: workers of their own do, each killed and replaced when a text takes too
long or too much memory. What is logged and counted are sizes, times and outcomes, never a text, an id or a name.
"""

from __future__ import annotations

from nlp.serve.limits import Limits, ServeError

__all__ = ["Limits", "ServeError"]
