"""`python -m authsvc.cli`, where the script is not installed."""

from authsvc.cli import main

main()
