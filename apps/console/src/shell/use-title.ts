import { useEffect } from 'react';

/** What is shown: a page, and what is open in it. */
const shown: { page?: string; part?: string | undefined } = {};

/** Names the window, the tab and the history entry after the page: a screen reader says it first. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    shown.page = title;
    show();
  }, [title]);
}

/** Names the window after a part of the page for as long as that is open. */
export function usePartTitle(title: string): void {
  useEffect(() => {
    shown.part = title;
    show();
    return () => {
      shown.part = undefined;
      show();
    };
  }, [title]);
}

// The effects of a part run before those of its page.
function show(): void {
  document.title = `${shown.part ?? shown.page ?? ''} · Audit console`;
}
