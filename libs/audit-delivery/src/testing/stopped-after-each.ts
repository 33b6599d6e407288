import { afterEach } from 'vitest';

interface Stoppable {
  stop(): Promise<void>;
}

/** @returns `open`, whose results are stopped after each test of the `describe` block */
export function stoppedAfterEach<Parameters extends unknown[], Opened extends Stoppable>(
  open: (...parameters: Parameters) => Promise<Opened>,
): (...parameters: Parameters) => Promise<Opened> {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });
  return async (...parameters) => {
    const opened = await open(...parameters);
    stops.push(async () => opened.stop());
    return opened;
  };
}
