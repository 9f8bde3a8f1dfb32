"""From labelled pictures to augmented batches."""
