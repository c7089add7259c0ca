"""`python -m ouroloop.cli`: the command line, without an installed script."""

from ouroloop.cli.main import main

main()
