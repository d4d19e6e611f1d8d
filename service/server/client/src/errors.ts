// The one error for whatever an attacker, or a typing mistake, can cause. Its text is fixed and never repeats input.

export class Refused extends Error {
  readonly reason: string;
  constructor(reason: string) {
    super(reason);
    this.name = "Refused";
    this.reason = reason;
  }
}
