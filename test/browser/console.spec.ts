import { describe } from 'vitest';
import { consoleRig } from './console/rig.js';
import { searchSpecs } from './console/search.js';

const rig = consoleRig();

describe('the console', { timeout: 120_000 }, () => {
  searchSpecs(rig);
});
