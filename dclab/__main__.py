"""`python -m dclab`."""

from dclab.cli import main

if __name__ == "__main__":
    main()
