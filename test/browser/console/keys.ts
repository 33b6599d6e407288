import type { Page } from 'playwright-core';

export interface CountedKeys {
  readonly count: number;
  press(key: string): Promise<void>;
  type(text: string): Promise<void>;
  paste(text: string): Promise<void>;
}

/** The keyboard of a page. A paste counts as one key. */
export function counted(page: Page): CountedKeys {
  let count = 0;
  return {
    get count() {
      return count;
    },
    press: async (key) => {
      count += 1;
      await page.keyboard.press(key);
    },
    type: async (text) => {
      count += text.length;
      await page.keyboard.type(text);
    },
    paste: async (text) => {
      count += 1;
      await page.keyboard.insertText(text);
    },
  };
}
