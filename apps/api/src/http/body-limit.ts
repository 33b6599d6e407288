/** The longest request body, in bytes. */
export const BODY_LIMIT_BYTES = 16 * 1024;
