import { ManualClock } from '#libs/platform/testing';
import { MemoryWindowStore } from './memory-window-store.js';
import { describeWindowStore } from './window-store.contract.js';

describeWindowStore('MemoryWindowStore', async () => {
  const store = new MemoryWindowStore(new ManualClock());
  return Promise.resolve([store, store]);
});
