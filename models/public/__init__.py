"""Networks and tables that others published, read into torch."""
