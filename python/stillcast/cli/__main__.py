"""``python -m stillcast.cli``."""

from stillcast.cli import main

if __name__ == "__main__":
    main()
