import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { axeViolations } from './axe.js';
import { type ConsoleRig, picture } from './rig.js';

/** How people look at a page. The last one is the first one at a zoom of 200 %. */
const FORMS = {
  wide: { colorScheme: 'light', forcedColors: 'none', width: 1280, height: 800 },
  dark: { colorScheme: 'dark', forcedColors: 'none', width: 1280, height: 800 },
  contrast: { colorScheme: 'dark', forcedColors: 'active', width: 1280, height: 800 },
  narrow: { colorScheme: 'light', forcedColors: 'none', width: 400, height: 800 },
  zoomed: { colorScheme: 'light', forcedColors: 'none', width: 640, height: 400 },
} as const;

/** Each page, and an element of it that comes last. */
const PAGES = {
  overview: '.ranked li',
  search: '.entries-body [role=row]',
  'search?columns=forensic': '.entries-body [role=row]',
  'search?columns=own': '.entries-body [role=row]',
  'search?outcome=unknown&reasonText=nowhere': '.empty',
  'search?outcome=denied&entry=20': '.entry details',
  'search?columns=administration&entry=20': '.entry details',
  'search?colour=red': '.chip.is-refused',
  'search?from=2026-01-01T08:00:00Z&to=2026-01-01T09:00:00Z': '.range button',
  trace: '#traced',
  proof: '.checks',
  identities: '#person',
  about: 'pre:has-text("+")',
} as const;

/**
 * What is wrong with the layout, in words. Pixels are not compared: times, ids and counts differ from run to run,
 * and fonts from machine to machine.
 */
const FAULTS = `(() => {
  const faults = [];
  const name = (element) => element.tagName.toLowerCase() + ' ' + (element.getAttribute('aria-label') ??
    element.textContent ?? '').trim().slice(0, 40);
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) faults.push('the page scrolls sideways');
  for (const area of document.querySelectorAll('main, .page, .entry, .overview, .about'))
    if (area.scrollWidth > area.clientWidth + 1) faults.push(name(area) + ' scrolls sideways');
  const list = document.querySelector('.entries');
  if (list?.checkVisibility() && list.clientHeight < 100) faults.push('the list has ' + list.clientHeight + ' pixels');
  const shown = [...document.querySelectorAll('a, button, input, select, textarea, summary')].filter(
    (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }));
  const boxes = shown.map((element) => [element, element.getBoundingClientRect()]);
  for (const [element, { left, right, width, height }] of boxes) {
    if (element.closest('.hidden')) continue;
    if (left < -1 || right > root.clientWidth + 1) faults.push(name(element) + ' is cut off');
    const isInline = getComputedStyle(element).display === 'inline';
    if (!isInline && element.type !== 'checkbox' && (width < 24 || height < 18))
      faults.push(name(element) + ' is too small: ' + width + ' by ' + height);
  }
  const pen = document.createElement('canvas').getContext('2d');
  for (const element of document.querySelectorAll('input[placeholder]')) {
    const { font, paddingLeft, paddingRight } = getComputedStyle(element);
    pen.font = font;
    const room = element.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
    if (element.checkVisibility() && pen.measureText(element.placeholder).width > room + 1)
      faults.push('the placeholder of ' + name(element) + ' is cut off');
  }
  for (const choice of document.querySelectorAll('.range:has(.instants) > :first-child')) {
    const top = choice.getBoundingClientRect().top;
    for (const input of choice.parentElement.querySelectorAll('.instants input')) {
      const box = input.parentElement.getBoundingClientRect();
      const isBeside = box.left > choice.getBoundingClientRect().right;
      if (isBeside && box.top < top + 24 && Math.abs(box.top - top) > 2)
        faults.push(name(input) + ' is not in line with the choice of the time');
    }
  }
  for (const [nth, [one, a]] of boxes.entries())
    for (const [other, b] of boxes.slice(nth + 1))
      if (one.parentElement === other.parentElement && one.closest('.top, nav, .bar, .buttons') &&
        a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
        faults.push(name(one) + ' is below ' + name(other));
  return faults;
})()`;

/** Every page in every form. */
export function layoutSpecs(rig: ConsoleRig): void {
  it('fits every page into narrow, zoomed, dark and high-contrast windows', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Nora North', '#/overview');
    const faults: string[] = [];
    for (const [path, complete] of Object.entries(PAGES)) {
      await page.evaluate(`location.hash = '#/${path}'`);
      await page.waitForSelector(complete, { state: 'attached' });
      if (path.includes('from=')) await page.click('.range button');
      for (const [form, { colorScheme, forcedColors, ...viewport }] of Object.entries(FORMS)) {
        await page.emulateMedia({ colorScheme, forcedColors });
        await page.setViewportSize(viewport);
        const found = await layoutFaults(page);
        if (form === 'dark') found.push(...(await axeViolations(page)));
        faults.push(...found.map((fault) => `${path}, ${form}: ${fault}`));
      }
      await page.emulateMedia({ colorScheme: null, forcedColors: null });
      await page.setViewportSize({ width: 1280, height: 800 });
      if (path === 'about') await picture(page, 'about');
      if (path.includes('nowhere')) await picture(page, 'search-empty');
      if (path.includes('denied&entry=')) await picture(page, 'entry');
    }
    expect(faults).toEqual([]);
    expect(problems).toEqual([]);
  });
}

/** Laptops at a zoom of 200 % and 400 % (WCAG 2.2, 1.4.10), or phones on their side. */
const LOW = [
  { width: 640, height: 320 },
  { width: 320, height: 256 },
] as const;

/** The list, and what is seen of an opened entry, in windows with little height. */
export function lowWindowSpecs(rig: ConsoleRig): void {
  it('shows rows of the list in low windows when the keyboard moves to them, and more of an entry by scrolling', async () => {
    const { page, problems } = await rig.open({ viewport: LOW[0] });
    await rig.signIn(page, 'Nora North', '#/search');
    await page.waitForSelector('.entries-body [role=row]');
    for (const viewport of LOW) {
      await page.setViewportSize(viewport);
      expect(await layoutFaults(page), `${viewport.width} by ${viewport.height}`).toEqual([]);
      await page.evaluate('scrollTo(0, 0)');
      for (let nth = 0; nth < 8; nth += 1) await page.keyboard.press('j');
      await expect.poll(async () => page.evaluate<number>(VISIBLE_ROWS)).toBeGreaterThanOrEqual(3);
    }
    await page.keyboard.press('Enter');
    await page.waitForSelector('.entry details');
    expect(await layoutFaults(page)).toEqual([]);
    await page.locator('.entry details').last().scrollIntoViewIfNeeded();
    expect(await page.evaluate<number>('scrollY')).toBeGreaterThan(0);
    expect(problems).toEqual([]);
  });
}

/** How many rows of the list are in view whole. */
const VISIBLE_ROWS = `(() => {
  const list = document.querySelector('.entries').getBoundingClientRect();
  return [...document.querySelectorAll('.entries-body [role=row]')].filter((row) => {
    const { top, bottom } = row.getBoundingClientRect();
    return top >= Math.max(0, list.top) && bottom <= Math.min(innerHeight, list.bottom);
  }).length;
})()`;

async function layoutFaults(page: Page): Promise<string[]> {
  // The theme and the rows in view follow the window.
  await page.evaluate(
    'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))',
  );
  return page.evaluate<string[]>(FAULTS);
}
