import { describe } from 'vitest';
import { actSpecs } from './console/acts.js';
import { columnSpecs } from './console/columns.js';
import { findingSpecs } from './console/finding.js';
import { focusSpecs } from './console/focus.js';
import { keyboardSpecs } from './console/keyboard.js';
import { layoutSpecs, lowWindowSpecs } from './console/layout.js';
import { proofSpecs } from './console/proof.js';
import { consoleRig } from './console/rig.js';
import { searchSpecs } from './console/search.js';
import { stateSpecs } from './console/states.js';
import { viewSpecs } from './console/views.js';

const rig = consoleRig();

describe('the console', { timeout: 120_000 }, () => {
  searchSpecs(rig);
  columnSpecs(rig);
  viewSpecs(rig);
  stateSpecs(rig);
  proofSpecs(rig);
  keyboardSpecs(rig);
  focusSpecs(rig);
  actSpecs(rig);
  findingSpecs(rig);
  layoutSpecs(rig);
  lowWindowSpecs(rig);
});
