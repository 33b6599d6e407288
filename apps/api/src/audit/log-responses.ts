import { applyDecorators, Header } from '@nestjs/common';
import { ApiOperation, ApiParam } from '@nestjs/swagger';

type Audience = 'private' | 'public';

/** C2SP tlog-tiles: text that changes with every commit. */
export function CheckpointAnswer(audience: Audience): MethodDecorator {
  return applyDecorators(
    Header('content-type', 'text/plain; charset=utf-8'),
    Header('cache-control', `${audience}, no-cache`),
    ApiOperation({ summary: 'The newest signed checkpoint of the log (C2SP tlog-checkpoint)' }),
  );
}

/** C2SP tlog-tiles: bytes that never change under one address. */
export function TileAnswer(audience: Audience, summary: string): MethodDecorator {
  return applyDecorators(
    Header('content-type', 'application/octet-stream'),
    Header('cache-control', `${audience}, max-age=31536000, immutable`),
    ApiOperation({ summary }),
    ApiParam({ name: 'path', description: 'such as `0/x001/234` or `0/x001/234.p/8`' }),
  );
}

/** What verifiers pin; changes when a key is replaced. */
export function KeysAnswer(audience: Audience): MethodDecorator {
  return applyDecorators(
    Header('content-type', 'text/plain; charset=utf-8'),
    Header('cache-control', `${audience}, no-cache`),
    ApiOperation({
      summary: 'The log’s public keys, one verifier key a line (C2SP signed-note)',
      description: 'Whoever distrusts the service gets them another way, or pins the first ones.',
    }),
  );
}
