"""selfie3d: textured 3D faces from single photographs."""

__version__ = "0.1.0"
