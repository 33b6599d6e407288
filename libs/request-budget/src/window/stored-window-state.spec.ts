import { describe, expect, it } from 'vitest';
import {
  decodeWindowState,
  encodeWindowState,
  type StoredWindowState,
} from './stored-window-state.js';
import type { WindowState } from './window-state.js';

const stored = `{
  "used": [[1700000030010, 3], [1700000030130, 1]],
  "leases": [{"id": "lease-1", "count": 2, "grantedAt": 1700000000000, "freeAt": 1700000041040}],
  "holders": {"replica-1": {"turns": [4, 5.25], "bulk": 6, "granted": 7, "seenAt": 1700000000500}},
  "line": {
    "flows": [["contoso", "app", 2, 5.25, 1]],
    "floor": 1.5, "nextFloor": 2.5, "reached": 3.5, "floorAt": 1700000000100
  },
  "heldMs": 250.5, "idleMs": 12.25, "changedAt": 1700000000600,
  "factor": 0.55, "factorAt": 1700000000700,
  "blockedUntil": 1700000003000, "expectedUntil": 1700000090000
}`;

const state: WindowState = {
  finishedCalls: [
    [1700000030010, 3],
    [1700000030130, 1],
  ],
  leases: [{ id: 'lease-1', count: 2, grantedAt: 1700000000000, releasedAt: 1700000041040 }],
  replicas: {
    'replica-1': {
      queuedTags: [4, 5.25],
      queuedBulk: 6,
      inService: 7,
      reportedAt: 1700000000500,
    },
  },
  queue: {
    flows: [['contoso', 'app', 2, 5.25, 1]],
    virtualTime: 1.5,
    nextVirtualTime: 2.5,
    lastServedTag: 3.5,
    virtualTimeAt: 1700000000100,
  },
  meanServiceMs: 250.5,
  meanIdleMs: 12.25,
  updatedAt: 1700000000600,
  limitFactor: 0.55,
  limitFactorAt: 1700000000700,
  blockedUntil: 1700000003000,
  reservationsUntil: 1700000090000,
};

describe('the stored window state', () => {
  it('has the member names that other versions read and write', () => {
    expect(JSON.parse(JSON.stringify(encodeWindowState(state)))).toEqual(JSON.parse(stored));
  });

  it('is read as the state that was stored', () => {
    expect(decodeWindowState(JSON.parse(stored) as StoredWindowState)).toEqual(state);
  });
});
