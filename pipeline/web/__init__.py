"""A folder of static files that reconstructs faces in the browser."""
