// A collector of OpenTelemetry that takes what it gets and forgets it, in a process of its own.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const server = createServer((request, response) => {
  request.resume().on('end', () => response.end());
}).listen(0, '127.0.0.1', () => {
  process.send?.((server.address() as AddressInfo).port); // it listens on TCP
});
process.on('disconnect', () => process.exit());
