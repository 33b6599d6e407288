/** Of the bound: a pass takes it, so that an edit behind the place of the check is found in time by the next pass. */
const PASS_SHARE = 0.75;
/** The longest pause between two looks at what is due, which is also that between checks of new entries. */
export const MAX_INTERVAL_MS = 10_000;

/** How long a pass takes, by the bound of `AUDIT_VERIFICATION_SECONDS`. */
export function passMsOf(verificationMs: number): number {
  return verificationMs * PASS_SHARE;
}

/** Whether a check is so late that an edit may be found after the bound. */
export function isBeyondBound(lateMs: number, verificationMs: number): boolean {
  return lateMs > verificationMs - passMsOf(verificationMs) + MAX_INTERVAL_MS;
}
