"""What the pixels round a face show: skin, hair, glasses and so on."""
