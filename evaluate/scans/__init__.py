"""Reconstructions measured against scans."""
