"""The textured head in the formats of others; they know nothing of photographs."""
