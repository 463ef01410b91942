"""From results to pages: Markdown, one self-contained HTML file, pictures."""
