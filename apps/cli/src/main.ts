#!/usr/bin/env node
import { requireNode } from '#node-version';

requireNode();
const { run } = await import('./run.js');
await run();
