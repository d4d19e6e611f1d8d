// The domain labels this side uses: the same bytes as crypto/labels.py (tests/vectors/test_typescript.py compares them).

export const Label = {
  PROOF: "sv1 proof",
  CLAIM: "sv1 claim",
  MAILBOX_SEED: "sv1 mailbox seed",
  ADDRESS: "sv1 address",
  CONFIRM: "sv1 confirm",
  KEY_ID: "sv1 key id",
  SEAL_REPORT: "sv1 seal report",
  SEAL_LETTER: "sv1 seal letter",
  ENVELOPE: "sv1 envelope",
  BODY_KEY: "sv1 body key",
  GROUP_ID: "sv1 group id",
  ROSTER: "sv1 roster",
  CHAIN_LINK: "sv1 chain link",
  HANDLER_CARD: "sv1 handler card",
  RECEIPT: "sv1 receipt",
  LETTER: "sv1 letter",
} as const;

export type Label = (typeof Label)[keyof typeof Label];
