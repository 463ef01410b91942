"""From results to pages: Markdown, one self-contained HTML file, pictures."""

from dclab.report.write import write_report

__all__ = ["write_report"]
