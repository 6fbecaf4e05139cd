"""The command `rgunicorn`, also as `python -m rgunicorn`. Everything else happens in Rust."""

import sys

from rgunicorn import _rgunicorn


def main() -> None:
    """Hand the command line to Rust and leave with its exit code."""
    sys.exit(_rgunicorn.main(sys.argv))


if __name__ == "__main__":
    main()
