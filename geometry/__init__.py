"""The shared geometry core: conventions, cameras, rotations, meshes, face models."""
