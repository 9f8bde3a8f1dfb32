"""The published protocols, their metrics, and reports of what was run."""
