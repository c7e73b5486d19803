"""What everything rests on: dtypes, shapes, errors, settings, scopes and names. Imports numpy and the standard library only."""
