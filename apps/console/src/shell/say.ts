import { useSyncExternalStore } from 'react';

const SHOWN_MS = 3_000;
const listeners = new Set<() => void>();
let current = '';
let timer: ReturnType<typeof setTimeout> | undefined;

/** Shows a short message at the foot of the window, and has it read aloud. */
export function say(text: string): void {
  current = text;
  clearTimeout(timer);
  timer = setTimeout(() => {
    current = '';
    notify();
  }, SHOWN_MS);
  notify();
}

export function useSaid(): string {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
}

function notify(): void {
  for (const listener of listeners) listener();
}
