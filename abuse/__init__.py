"""Pure package; SPEC.md beside this file is the contract."""
