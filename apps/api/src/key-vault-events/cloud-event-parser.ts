import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { parseJsonBody } from '../http/json-body-parser.js';
import { UnsupportedMediaType } from '../http/request-errors.js';
import { CLOUD_EVENT, CLOUD_EVENTS_BATCH, EVENTS_ROUTE } from './event-grid.js';

/** Reads bodies of CloudEvents, on the route of events only. A single event is a batch of one. */
@Injectable()
export class CloudEventParser implements OnModuleInit {
  constructor(private readonly host: HttpAdapterHost<FastifyAdapter>) {}

  onModuleInit(): void {
    const server: FastifyInstance = this.host.httpAdapter.getInstance();
    for (const type of [CLOUD_EVENT, CLOUD_EVENTS_BATCH]) {
      server.addContentTypeParser<Buffer>(type, { parseAs: 'buffer' }, (request, body, done) => {
        if (request.routeOptions.url !== `/${EVENTS_ROUTE}`) {
          done(new UnsupportedMediaType());
          return;
        }
        const { headers } = request;
        parseJsonBody({ headers, body }, (error, value) => {
          done(error, error === null && type === CLOUD_EVENT ? [value] : value);
        });
      });
    }
  }
}
