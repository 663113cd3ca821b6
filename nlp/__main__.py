"""``python -m nlp`` is ``wenze``."""

from nlp.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
