"""What a notebook shows and how it becomes a page: `from analytics import reporting as report`."""

from analytics import words
from analytics.reporting.display import chapters, figure, finding, kicker, statements, table, text, tiles, title, todo

__all__ = ["chapters", "figure", "finding", "kicker", "statements", "table", "text", "tiles", "title", "todo", "words"]
