"""Face detection: adapters over libraries."""
