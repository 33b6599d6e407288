import { expect, it } from 'vitest';
import { startApi } from './api-process.js';

it.each(['warn', 'error', 'silent'])(
  'refuses LOG_LEVEL=%s, with which it would wait for ever',
  async (LOG_LEVEL) => {
    await expect(startApi({ LOG_LEVEL })).rejects.toThrow('LOG_LEVEL must be info or debug');
  },
);
