"""One question a module, asked of a lab through its protocol; the answer is a frozen result."""
