/** A part of what is proved, or why it has no result. The other parts have theirs all the same. */
export type Part<T> = { readonly value: T } | { readonly error: Error };

/** @throws the reason of the signal, when it is why there is no result */
export async function partOf<T>(signal: AbortSignal, work: () => Promise<T>): Promise<Part<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    signal.throwIfAborted();
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** What follows from the result of a part, if it has one. */
export async function followedBy<T, U>(
  part: Part<T> | undefined,
  signal: AbortSignal,
  work: (value: T) => Promise<U>,
): Promise<Part<U> | undefined> {
  if (!part || 'error' in part) return part;
  return partOf(signal, async () => work(part.value));
}

export function valueOf<T>(part: Part<T> | undefined): T | undefined {
  return part && 'value' in part ? part.value : undefined;
}
