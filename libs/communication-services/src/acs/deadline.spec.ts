import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Deadline, extended } from './deadline.js';

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

describe('Deadline', () => {
  it('lets an answer that arrived while the process was stopped be read first', async () => {
    const { stdin, stdout } = await peer();
    const events: string[] = [];
    stdin.write('question');
    await new Promise(setImmediate);
    const { signal: deadline } = new Deadline(50);
    deadline.addEventListener('abort', () => events.push('deadline'));
    stdout.once('data', () => events.push('answer'));
    stopFor(1_500);
    await once(deadline, 'abort');
    expect(events).toEqual(['answer', 'deadline']);
  });

  it('extends a deadline from when it is noticed, also when that is late', async () => {
    const { signal: deadline } = new Deadline(50);
    const late = extended(deadline, 100);
    stopFor(500);
    await once(deadline, 'abort');
    expect(late.aborted).toBe(false);
    await once(late, 'abort');
    expect(late.reason).toMatchObject({ name: 'TimeoutError' });
  });

  it('aborts with its caller, until the call is over', async () => {
    const caller = new AbortController();
    const [current, over] = [new Deadline(60_000, caller.signal), new Deadline(20, caller.signal)];
    over.end();
    caller.abort(new Error('left'));
    expect(current.signal.reason).toMatchObject({ message: 'left' });
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(over.signal.aborted).toBe(false);
    expect(new Deadline(60_000, caller.signal).signal.aborted).toBe(true);
    current.end();
  });
});
