import { useEffect, useRef } from 'react';

/**
 * Gives the focus back to where it was when a dialog opened. Until the focus has left it, a closed dialog of
 * Fluent UI keeps the page hidden from screen readers.
 */
export function useReturnFocus(isOpen: boolean): void {
  const opener = useRef<Element>(null);
  const wasOpen = useRef(false);
  // Before the dialog takes the focus.
  if (isOpen && !wasOpen.current) opener.current = document.activeElement;
  wasOpen.current = isOpen;
  useEffect(() => {
    if (!isOpen) return;
    return () => {
      requestAnimationFrame(() => {
        const before = opener.current;
        const isThere = before instanceof HTMLElement && before !== document.body;
        const place = isThere && before.isConnected ? before : document.querySelector('main');
        place?.focus();
      });
    };
  }, [isOpen]);
}
