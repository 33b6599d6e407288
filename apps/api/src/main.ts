import { requireNode } from '#node-version';

requireNode();
const { serve } = await import('./serve.js');
await serve();
