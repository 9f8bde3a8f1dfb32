"""Loss terms, one file each: pure functions on equal shapes with an explicit masked reduction."""
