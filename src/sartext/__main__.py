"""`python -m sartext` is the command line."""

from sartext.cli import main

main()
