import { Global, Module } from '@nestjs/common';
import { HttpDrain } from './http-drain.js';

/** The requests in progress, for every module with routes that stream. */
@Global()
@Module({ providers: [HttpDrain], exports: [HttpDrain] })
export class HttpDrainModule {}
