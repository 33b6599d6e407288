import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { OutboundHttp } from '#libs/platform';
import { ConnectProxy } from '#libs/platform/testing';
import { describeSink, type SinkFault } from '../testing/sink.contract.js';
import { stoppedAfterEach } from '../testing/stopped-after-each.js';
import { sampleEntry, sampleRecords } from '../testing/sample-records.js';
import { testContext } from '../testing/test-context.js';
import { trustedIdentity } from '../testing/test-identity.js';
import { syslogSinkSchema } from '../config/sink-options.js';
import { SyslogSink } from './syslog-sink.js';

let identity: Awaited<ReturnType<typeof trustedIdentity>>;
beforeAll(async () => {
  identity = await trustedIdentity();
});
afterAll(() => {
  identity.restore();
});

/** `close-early`: the receiver closes before it has read the batch. */
type SyslogFault = SinkFault | 'close-early';

/** Messages of RFC 5425 frames. @throws on a length that is not that of the message */
function messagesOf(data: Buffer): string[] {
  const messages: string[] = [];
  for (let at = 0; at < data.length;) {
    const blank = data.indexOf(' ', at);
    const length = Number(data.toString('latin1', at, blank));
    if (!/^[1-9]\d*$/.test(String(length)) || blank + 1 + length > data.length)
      throw new Error('a frame is cut');
    messages.push(data.toString('utf8', blank + 1, blank + 1 + length));
    at = blank + 1 + length;
  }
  return messages;
}

/** A receiver that stores what it has read once the sender has closed, and answers with its own close. */
async function open(more: object = {}, outbound?: OutboundHttp) {
  const messages: string[] = [];
  const faults: SyslogFault[] = [];
  const closedEarly = Promise.withResolvers<undefined>();
  const sockets = new Set<TLSSocket>();
  /** Below TLS, by the port of the sender. */
  const connections = new Map<number | undefined, Socket>();
  const server = createServer({ ...identity, allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    const fault = faults.shift();
    if (fault === 'close-early') {
      socket.end(() => {
        closedEarly.resolve(undefined);
      });
      return;
    }
    if (fault === 'die') {
      connections.get(socket.remotePort)?.resetAndDestroy(); // as with data that was not read
      return;
    }
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => {
      if (fault === 'hang') return;
      messages.push(...messagesOf(Buffer.concat(chunks)));
      if (fault === 'lose-answer') connections.get(socket.remotePort)?.resetAndDestroy();
      else socket.end();
    });
  });
  server.on('connection', (socket: Socket) => connections.set(socket.remotePort, socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const context = { ...testContext(), ...(outbound && { outbound }) };
  const options = syslogSinkSchema.parse({
    ...{ type: 'syslog', name: 'collector', host: '127.0.0.1', port, hostname: 'identity-1' },
    ...more,
  });
  return {
    sink: new SyslogSink(options, context),
    messages,
    faults,
    clock: context.clock,
    closedEarly: closedEarly.promise,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await context.outbound.onApplicationShutdown();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const idOf = (message: string): string => /\[entry@32473 id="([^"]+)"/.exec(message)?.[1] ?? '';

describeSink('SyslogSink', async () => {
  const { sink, messages, faults, stop } = await open();
  return {
    sink,
    // The protocol knows neither answers nor credentials.
    faults: ['hang', 'die', 'lose-answer'],
    credential: undefined,
    failNext: (fault) => void faults.push(fault),
    received: async () => Promise.resolve([...new Set(messages.map(idOf))].filter(isSample)),
    stop,
  };
});

const isSample = (id: string): boolean => id.startsWith('019abcde');

describe('SyslogSink', () => {
  const opened = stoppedAfterEach(open);

  const send = async (sink: SyslogSink, count = 1): Promise<void> =>
    sink.send({ records: sampleRecords(sink, count), checkpoint: '' }, AbortSignal.timeout(20_000));

  it('sends messages of RFC 5424 with CEF, counted by octets', async () => {
    const { sink, messages } = await opened();
    await send(sink, 2);
    const { entry } = sampleEntry(1);
    const [, second = ''] = messages;
    expect(second).toMatch(
      new RegExp(
        `^<110>1 ${entry.recordedAt} identity-1 acs-identity - token\\.issue ` +
          `\\[entry@32473 id="${entry.id}" index="1"\\] CEF:0\\|acs-identity\\|`,
      ),
    );
    expect(second).toContain(`externalId=${entry.id}`);
  });

  it('takes a close that comes before its own for no confirmation', async () => {
    const { sink, messages, faults, clock, closedEarly } = await opened();
    faults.push('close-early');
    // The close arrives at the last moment, or while this process has no CPU time.
    vi.spyOn(clock, 'sleep').mockReturnValue(closedEarly);
    await expect(send(sink, 2_000)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(messages).toEqual([]);
  });

  it('sends nothing to a receiver whose certificate is not trusted', async () => {
    const { sink, messages } = await opened({ host: '127.0.0.2' });
    const [record] = sampleRecords(sink, 1);
    await expect(
      sink.send({ records: record ? [record] : [], checkpoint: '' }, AbortSignal.timeout(20_000)),
    ).rejects.toMatchObject({ kind: 'unavailable' });
    expect(messages).toEqual([]);
  });

  it('goes through the proxy, with its credentials', async () => {
    const proxy = await ConnectProxy.start({
      credentials: { user: 'egress', password: 'p@ss' },
      hosts: ['localhost.test'],
    });
    const outbound = new OutboundHttp({ proxy: proxy.url, noProxy: ['other.test'] });
    const { sink, messages } = await opened({}, outbound);
    await send(sink);
    expect(proxy.targets).toHaveLength(1);
    expect(messages).toHaveLength(1);
    await proxy.stop();
  });

  it('names the proxy that gives no tunnel', async () => {
    const proxy = await ConnectProxy.start();
    proxy.faultFor = () => 403;
    const { sink } = await opened({}, new OutboundHttp({ proxy: proxy.url, noProxy: [] }));
    await expect(send(sink)).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining(`the proxy ${proxy.origin} answered 403`) as string,
    });
    await proxy.stop();
  });
});
