let handed: string | undefined;

/** Hands a token from the search box to the trace page, past the address and every storage. */
export function handToken(token: string): void {
  handed = token;
}

/** @returns the token, once */
export function takeToken(): string | undefined {
  const token = handed;
  handed = undefined;
  return token;
}
