import { requireNode } from '#node-version';

requireNode();
const { run } = await import('./local-environment.js');
await run();
