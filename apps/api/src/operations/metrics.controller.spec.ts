import { Gauge, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { MetricsController } from './metrics.controller.js';

/** Metrics of which one says how often they were collected. */
function countedScrapes(): MetricsController {
  const registry = new Registry();
  let scrapes = 0;
  new Gauge({
    name: 'scrapes',
    help: 'scrapes',
    registers: [registry],
    collect() {
      this.set((scrapes += 1));
    },
  });
  return new MetricsController(registry);
}

async function scrapesOf(controller: MetricsController): Promise<number> {
  return Number(/^scrapes (\d+)$/m.exec(await controller.read())?.[1]);
}

describe('MetricsController', () => {
  it('gives each of a few scrapers the values of now', async () => {
    const controller = countedScrapes();
    for (let nth = 1; nth <= 5; nth += 1) expect(await scrapesOf(controller)).toBe(nth);
  });

  it('gives concurrent scrapers the values of one scrape', async () => {
    const controller = countedScrapes();
    const all = await Promise.all(Array.from({ length: 50 }, async () => scrapesOf(controller)));
    expect(new Set(all)).toEqual(new Set([1]));
  });

  it('collects ten times a second at most, and answers all', async () => {
    const controller = countedScrapes();
    const startedAt = performance.now();
    let last = 0;
    for (let nth = 0; nth < 1_000; nth += 1) last = await scrapesOf(controller);
    const seconds = 1 + Math.floor((performance.now() - startedAt) / 1_000);
    expect(last).toBeLessThanOrEqual(10 * (seconds + 1));
  });
});
