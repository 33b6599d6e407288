import { BYTES, type EndpointContract, TEXT } from '../http/endpoint.js';

type Audience = 'private' | 'public';

/** C2SP tlog-checkpoint: text that changes with every commit. */
export function checkpointEndpoint(audience: Audience): EndpointContract {
  return {
    workload: 'reading',
    summary: 'The newest signed checkpoint of the log (C2SP tlog-checkpoint)',
    responses: { 200: TEXT },
    cacheControl: `${audience}, no-cache`,
  };
}

/** C2SP tlog-cosignature: changes with every round of the witnesses. */
export function witnessedCheckpointEndpoint(audience: Audience): EndpointContract {
  return {
    workload: 'reading',
    summary: 'The newest checkpoint that a quorum of witnesses cosigned (C2SP tlog-cosignature)',
    description:
      'Verifiers require the quorum of their own policy. 404 when the service has no witnesses, or none has cosigned yet.',
    responses: { 200: TEXT },
    problems: [404],
    cacheControl: `${audience}, no-cache`,
  };
}

/** C2SP tlog-tiles: bytes that never change for one path. */
export function tileEndpoint(
  audience: Audience,
  summary = 'A tile of the log’s hashes',
): EndpointContract {
  return {
    workload: 'reading',
    summary,
    responses: { 200: BYTES },
    problems: [404],
    cacheControl: `${audience}, max-age=31536000, immutable`,
  };
}

/** C2SP signed-note: the keys that verifiers pin. They change when a key is replaced. */
export function keysEndpoint(audience: Audience): EndpointContract {
  return {
    workload: 'reading',
    summary: 'The log’s public keys, one verifier key a line (C2SP signed-note)',
    description:
      'A retired key is followed by ` until <size>` and counts for checkpoints up to that size only, eight days after it was replaced: until then a replica may sign with it. Verifiers that don’t trust the service obtain the keys another way, or pin those of the first visit.',
    responses: { 200: TEXT },
    cacheControl: `${audience}, no-cache`,
  };
}

/** The response body of the route for keys. */
export function keyLines(keys: readonly string[]): string {
  return keys.map((key) => `${key}\n`).join('');
}
