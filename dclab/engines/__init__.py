"""What runs a lab."""
