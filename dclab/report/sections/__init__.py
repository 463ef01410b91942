"""The report's sections, a module each: results to blocks."""
