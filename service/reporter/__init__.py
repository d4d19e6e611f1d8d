"""The reporter's command line: `sottovoce report` and `sottovoce mailbox`. Holds the reply code and no other key."""
