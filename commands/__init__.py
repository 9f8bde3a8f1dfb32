"""The subcommands of `selfie3d` that stand in files of their own; `cli.py` puts them together."""
