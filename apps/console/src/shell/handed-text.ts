let handed: string | undefined;

/** Hands a text that holds a token to the trace page, past the address, the history and every storage. */
export function handText(text: string): void {
  handed = text;
}

/** @returns it, once */
export function takeText(): string | undefined {
  const text = handed;
  handed = undefined;
  return text;
}
