/** An authenticated caller. */
export type { Caller as Principal } from '#libs/audit';
