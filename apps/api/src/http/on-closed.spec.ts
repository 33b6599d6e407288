import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { onClosed } from './on-closed.js';

function newResponse(): ServerResponse {
  return new ServerResponse(new IncomingMessage(new Socket()));
}

describe('onClosed', () => {
  it('calls back in order, once, by one listener however many wait', () => {
    const response = newResponse();
    const before = response.listenerCount('close');
    const called: number[] = [];
    for (let nth = 0; nth < 20; nth += 1) onClosed(response, () => called.push(nth));
    expect(response.listenerCount('close')).toBe(before + 1);
    expect(called).toEqual([]);
    response.emit('close');
    response.emit('close');
    expect(called).toEqual(Array.from({ length: 20 }, (_, nth) => nth));
  });

  it('keeps responses apart', () => {
    const [one, other] = [newResponse(), newResponse()];
    const called: string[] = [];
    onClosed(one, () => called.push('one'));
    onClosed(other, () => called.push('other'));
    other.emit('close');
    expect(called).toEqual(['other']);
  });
});
