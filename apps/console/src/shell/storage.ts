/** Values that the storage of the browser refused: it is full, or switched off for the page. */
const refused = new Map<string, string>();

/** A value of this browser, or what it refused to keep since the page was opened. */
export function stored(name: string): string | undefined {
  return refused.get(name) ?? attempt(() => localStorage.getItem(name)) ?? undefined;
}

/**
 * Keeps a value for the next visit. One that the browser refuses lasts until the page is closed.
 *
 * @returns whether the browser keeps it
 */
export function store(name: string, value: string): boolean {
  const isKept = attempt(() => {
    localStorage.setItem(name, value);
    return true;
  });
  if (isKept === true) refused.delete(name);
  else refused.set(name, value);
  return isKept === true;
}

export function removeStored(name: string): void {
  refused.delete(name);
  attempt(() => {
    localStorage.removeItem(name);
  });
}

export function storedNames(): readonly string[] {
  return [...new Set([...refused.keys(), ...(attempt(() => Object.keys(localStorage)) ?? [])])];
}

/** Whether everything that the page remembers lasts until the next visit. */
export function keepsAll(): boolean {
  return refused.size === 0;
}

function attempt<T>(access: () => T): T | undefined {
  try {
    return access();
  } catch {
    return undefined;
  }
}
