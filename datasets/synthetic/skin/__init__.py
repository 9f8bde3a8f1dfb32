"""The skin of a drawn person: tone, texture, relief, hairs."""
