"""Pure cryptography: bytes in, bytes out. SPEC.md beside this file is the contract."""
