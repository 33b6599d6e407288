import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { deadlineAfter, extended } from './deadline.js';

/** Answers one message after 100 ms. */
const PEER = `process.stdin.once('data', () => setTimeout(() => process.stdout.write('answer'), 100));
  process.stdout.write('ready')`;

/** Stops this process, its timers and its sockets, but not its peers. */
function stopFor(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

async function peer() {
  const child = spawn(process.execPath, ['-e', PEER], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill());
  await once(child.stdout, 'data');
  return child;
}

describe('deadlineAfter', () => {
  it('lets an answer that arrived while the process was stopped be read first', async () => {
    const { stdin, stdout } = await peer();
    const events: string[] = [];
    stdin.write('question');
    await new Promise(setImmediate);
    const deadline = deadlineAfter(50);
    deadline.addEventListener('abort', () => events.push('deadline'));
    stdout.once('data', () => events.push('answer'));
    stopFor(1_500);
    await once(deadline, 'abort');
    expect(events).toEqual(['answer', 'deadline']);
  });

  it('extends a deadline from when it is noticed, also when that is late', async () => {
    const deadline = deadlineAfter(50);
    const late = extended(deadline, 100);
    stopFor(500);
    await once(deadline, 'abort');
    expect(late.aborted).toBe(false);
    await once(late, 'abort');
    expect(late.reason).toMatchObject({ name: 'TimeoutError' });
  });
});
