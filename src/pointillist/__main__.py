"""``python -m pointillist`` is ``pointillist``."""

from pointillist.cli import main

if __name__ == "__main__":
    main()
