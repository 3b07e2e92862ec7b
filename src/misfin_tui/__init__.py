"""misfin-tui: Misfin mail in the terminal. Imports nothing, so that asking for the version costs nothing."""

__version__ = "0.2.0"
