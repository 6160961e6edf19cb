"""Files: where this checkout lies, files that are whole or absent, and what made them."""
