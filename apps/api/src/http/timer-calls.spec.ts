import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it, vi } from 'vitest';
import { Sweeps } from '#libs/platform';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import { TimerCalls } from './timer-calls.js';

const CALL = {
  Host: '127.0.0.1:41000',
  'User-Agent': 'Azure-Functions-Host/4.1048.200.0',
  'Content-Type': 'application/json; charset=utf-8',
  'Transfer-Encoding': 'chunked',
  'X-Azure-Functions-HostVersion': '4.1048.200.0',
  'X-Azure-Functions-InvocationId': '0f8fad5b-d9cb-469f-a165-70867728950e',
};

/** The parts of a request that are read. */
function requestWith(
  headers: Record<string, string>,
  change: { method?: string; url?: string; remoteAddress?: string } = {},
): IncomingMessage {
  const { method = 'POST', url = '/sweep', remoteAddress = '127.0.0.1' } = change;
  const entries = Object.entries(headers);
  return {
    ...{ method, url, socket: { remoteAddress }, resume: () => undefined },
    headers: Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), value])),
    rawHeaders: entries.flat(),
  } as unknown as IncomingMessage; // all that is read
}

function timerCalls() {
  const clock = new ManualClock();
  const sweeps = new Sweeps(clock, new MemoryLogger());
  const calls = new TimerCalls(sweeps, new MemoryLogger());
  const run = vi.fn<() => Promise<void>>().mockResolvedValue();
  sweeps.start({ name: 'a sweep', run, intervalMs: 1_000, runsAtStart: true });
  const writeHead = vi.fn();
  const end = vi.fn<(text: string) => void>();
  const response = { writeHead, end } as unknown as ServerResponse; // all that is used
  return {
    clock,
    run,
    writeHead,
    end,
    answer: (request: IncomingMessage) => calls.answer(request, response),
  };
}

describe('TimerCalls', () => {
  it('runs the sweeps for the host, and at no other time', async () => {
    const { clock, run, writeHead, end, answer } = timerCalls();
    await clock.advance(10_000);
    expect(run).not.toHaveBeenCalled();
    expect(answer(requestWith({ ...CALL, traceparent: '00-1-2-00' }))).toBe(true);
    await vi.waitFor(() => {
      expect(end).toHaveBeenCalled();
    });
    expect(run).toHaveBeenCalledTimes(1);
    expect(writeHead).toHaveBeenCalledWith(200, expect.anything());
    const [[text] = ['']] = end.mock.calls;
    expect(JSON.parse(text)).toEqual({ Outputs: {}, Logs: ['sweeps complete'], ReturnValue: null });
  });

  it('says which sweeps failed, with a status by which the host counts a failed call', async () => {
    const { run, writeHead, end, answer } = timerCalls();
    run.mockRejectedValue(new Error('no database'));
    answer(requestWith(CALL));
    await vi.waitFor(() => {
      expect(end).toHaveBeenCalledWith(expect.stringContaining('not complete: a sweep'));
    });
    expect(writeHead).toHaveBeenCalledWith(503, expect.anything());
  });

  it.each([
    ['X-Forwarded-For', '127.0.0.1'],
    ['X-Forwarded-Proto', 'https'],
    ['x-ms-invocation-id', ''],
    ['X-ARR-LOG-ID', 'x'],
    ['Accept', '*/*'],
    ['Cookie', ''],
  ])('leaves a request with %s to the router', (name, value) => {
    expect(timerCalls().answer(requestWith({ ...CALL, [name]: value }))).toBe(false);
  });

  it('leaves what is not exactly such a call to the router', () => {
    const { answer } = timerCalls();
    for (const change of [
      { method: 'GET' },
      { url: '/sweep?' },
      { url: '/Sweep' },
      { url: '//sweep' },
      { url: 'http://127.0.0.1/sweep' },
      { remoteAddress: '10.0.0.1' },
    ])
      expect(answer(requestWith(CALL, change))).toBe(false);
    const { 'X-Azure-Functions-InvocationId': _id, ...withoutId } = CALL;
    expect(answer(requestWith(withoutId))).toBe(false);
    for (const agent of ['curl/8', 'curl/8 Azure-Functions-Host/4.1', 'Azure-Functions-Host/'])
      expect(answer(requestWith({ ...CALL, 'User-Agent': agent }))).toBe(false);
  });
});
