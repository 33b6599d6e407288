import { BYTES, type EndpointContract, TEXT } from '../http/endpoint.js';

type Audience = 'private' | 'public';

/** C2SP tlog-checkpoint: text that changes with every commit. */
export function checkpointEndpoint(audience: Audience): EndpointContract {
  return {
    summary: 'The newest signed checkpoint of the log (C2SP tlog-checkpoint)',
    answers: { 200: TEXT },
    caching: `${audience}, no-cache`,
  };
}

/** C2SP tlog-tiles: bytes that never change under one address. */
export function tileEndpoint(
  audience: Audience,
  summary = 'A tile of the log’s hashes',
): EndpointContract {
  return {
    summary,
    answers: { 200: BYTES },
    problems: [404],
    caching: `${audience}, max-age=31536000, immutable`,
  };
}

/** C2SP signed-note: what verifiers pin; changes when a key is replaced. */
export function keysEndpoint(audience: Audience): EndpointContract {
  return {
    summary: 'The log’s public keys, one verifier key a line (C2SP signed-note)',
    description: 'Whoever distrusts the service gets them another way, or pins the first ones.',
    answers: { 200: TEXT },
    caching: `${audience}, no-cache`,
  };
}

/** Verifier keys as the route answers them. */
export function keyLines(keys: readonly string[]): string {
  return keys.map((key) => `${key}\n`).join('');
}
