import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { repositoryRoot } from '../../support/root.js';

const AXE = readFileSync(`${repositoryRoot}node_modules/axe-core/axe.min.js`, 'utf8');

/** Resolves when nothing fades or moves any more: a text that is half transparent has too little contrast. */
const UNTIL_STILL = `Promise.all(document.getAnimations()
  .filter(({ effect }) => effect?.getComputedTiming().endTime !== Infinity)
  .map(({ finished }) => finished.catch(() => undefined)))`;

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/**
 * What axe finds wrong with a page, in one line for each rule.
 *
 * Left out: the elements by which Fluent keeps the focus inside of dialogs, which are hidden from screen readers
 * and focusable on purpose (tabster issue 288).
 */
export async function axeViolations(page: Page): Promise<string[]> {
  await page.evaluate<unknown>(`${UNTIL_STILL}.then(() => undefined)`);
  // The policy of the page allows no script but its own; that of the debugger is not bound by it.
  if (!(await page.evaluate<boolean>('"axe" in globalThis'))) await page.evaluate(AXE);
  // All rules run; for what passes them, axe then composes no selectors, which nobody reads.
  const { violations } = await page.evaluate<{ violations: readonly Violation[] }>(
    `axe.run({ exclude: [['[data-tabster-dummy]']] }, { resultTypes: ['violations'], selectors: false })`,
  );
  return violations.map(
    ({ id, nodes }) =>
      `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary}`).join(' | ')}`,
  );
}
