"""Reports: JSON, HTML, charts, published figures and comparisons."""
