/** An authenticated caller. */
export type { Principal as Principal } from '#libs/platform';
