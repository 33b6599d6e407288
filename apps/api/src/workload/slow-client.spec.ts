import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { readBody } from './slow-client.js';

/** Both ends of a connection. */
async function connection(): Promise<{ client: Socket; server: Socket }> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo; // it listens on TCP
  const client = connect(port, '127.0.0.1');
  const [server] = (await once(listener, 'connection')) as [Socket];
  onTestFinished(() => {
    client.destroy();
    server.destroy();
    listener.close();
  });
  return { client, server };
}

/** As a process that is stopped: its timers are due when it continues. */
function stopProcess(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe('readBody', () => {
  it('reads on after a stop of the process that was longer than the timeout', async () => {
    const { client, server } = await connection();
    const body = readBody(server, 200);
    for (const text of ['one', 'two', 'three']) {
      const next = body.next();
      client.write(text);
      stopProcess(300);
      expect(String((await next).value)).toBe(text);
    }
    expect(server.destroyed).toBe(false);
  });

  it('reads on after a stop of the process that ends with the arrival of the next part', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const sent = new PassThrough();
    const body = readBody(sent, 200);
    for (const text of ['one', 'two', 'three']) {
      const next = body.next();
      setImmediate(() => {
        stopProcess(300);
        sent.write(text);
      });
      expect(String((await next).value)).toBe(text);
    }
    expect(sent.destroyed).toBe(false);
    expect(warned).not.toHaveBeenCalled();
  });

  it('closes the connection of a client that sends too little within the timeout', async () => {
    const { client, server } = await connection();
    const timer = setInterval(() => client.write('.'), 20);
    onTestFinished(() => {
      clearInterval(timer);
    });
    const read = async (): Promise<void> => {
      for await (const chunk of readBody(server, 200)) expect(chunk.length).toBeGreaterThan(0);
    };
    await read().catch(() => undefined);
    expect(server.destroyed).toBe(true);
  });
});
