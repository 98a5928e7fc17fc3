"""Names that let programs written for other libraries run on Firth."""
