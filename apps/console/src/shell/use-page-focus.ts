import { useEffect, useRef } from 'react';

/**
 * Gives the focus to `main` when another page is shown and what had the focus is gone with the page before, so
 * that keyboards and screen readers continue at the page. A field that the page gave the focus to keeps it.
 */
export function usePageFocus(page: string): void {
  const before = useRef(page);
  useEffect(() => {
    if (before.current === page) return;
    before.current = page;
    const focused = document.activeElement;
    // While the file of a page comes, the page before is there, but not visible.
    if (!focused || focused === document.body || !focused.checkVisibility())
      document.querySelector('main')?.focus();
  }, [page]);
}
