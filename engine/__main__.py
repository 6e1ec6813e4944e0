"""`python -m engine` is the command `daguerre`."""

from engine.cli import main

if __name__ == "__main__":
    main()
