"""The reference target: NumPy, slow and obvious, the definition of meaning."""
