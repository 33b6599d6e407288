import type { ReactNode } from 'react';
import { keepsAll } from './storage.js';

/** Beside what the browser should keep for the next visit: that it does not. */
export function NotKept(): ReactNode {
  if (keepsAll()) return null;
  return (
    <p role="alert">
      This browser keeps nothing more for the console: its storage is full or refused. What you
      change lasts until the page is closed.
    </p>
  );
}
