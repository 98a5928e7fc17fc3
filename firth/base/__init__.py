"""The ground floor: dtypes, errors, flags, facts about targets. Standard library and NumPy only."""
