"""Part of Sottovoce's service; see the README's tree."""
