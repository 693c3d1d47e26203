"""`python -m longwave`: the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; say what to install where its libraries are missing."""
    try:
        from longwave.cli.app import run
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] == "longwave":
            raise
        sys.exit(f"longwave: the command line needs {error.name}: pip install '.[hub]' in Longwave's own folder")
    run()


if __name__ == "__main__":
    main()
