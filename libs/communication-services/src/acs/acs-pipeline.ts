import { createHmac, createSecretKey, hash, randomUUID } from 'node:crypto';
import { deserializationPolicy, serializationPolicy } from '@azure/core-client';
import { createEmptyPipeline, type Pipeline, type PipelinePolicy } from '@azure/core-rest-pipeline';
import { currentTraceparent } from '#libs/platform';
import { targetOf } from './undici-http-client.js';

const USER_AGENT = 'acs-identity azsdk-js-communication-identity';
/** The policy that the client adds for an access key. */
const SDK_SIGNER = 'CommunicationAccessKeyCredentialPolicy';

/**
 * The pipeline of the SDK's client with what a call needs and no more: conversion of the content, and the
 * headers that identify it. The SDK's own one also has policies for retries, redirects, proxies, forms,
 * compression, tracing and logs, which this service has elsewhere or must not have; they took a quarter
 * of a call's CPU time.
 */
export function acsPipeline(): Pipeline {
  const pipeline = createEmptyPipeline();
  pipeline.addPolicy(serializationPolicy(), { phase: 'Serialize' });
  pipeline.addPolicy(deserializationPolicy(), { phase: 'Deserialize' });
  pipeline.addPolicy(identification);
  return pipeline;
}

const identification: PipelinePolicy = {
  name: 'identification',
  sendRequest: async (request, next) => {
    request.headers.set('user-agent', USER_AGENT);
    if (!request.headers.has('x-ms-client-request-id'))
      request.headers.set('x-ms-client-request-id', randomUUID());
    const traceparent = currentTraceparent();
    if (traceparent !== undefined) request.headers.set('traceparent', traceparent);
    return next(request);
  },
};

/** Replaces the SDK's policy, which imports the key anew for each call. */
export function signWith(accessKey: string, pipeline: Pipeline): void {
  pipeline.removePolicy({ name: SDK_SIGNER });
  pipeline.addPolicy(signer(accessKey));
}

/** Signs as "Authenticate to Azure Communication Services" on learn.microsoft.com describes. */
function signer(accessKey: string): PipelinePolicy {
  const key = createSecretKey(accessKey, 'base64');
  return {
    name: 'signer',
    sendRequest: async (request, next) => {
      const { origin, path } = targetOf(request.url);
      const host = origin.slice(origin.indexOf('://') + 3);
      const date = new Date().toUTCString();
      const content = typeof request.body === 'string' ? request.body : '';
      const contentHash = hash('sha256', content, 'base64');
      const signed = `${request.method}\n${path}\n${date};${host};${contentHash}`;
      const signature = createHmac('sha256', key).update(signed).digest('base64');
      const { headers } = request;
      headers.set('host', host);
      headers.set('x-ms-date', date);
      headers.set('x-ms-content-sha256', contentHash);
      headers.set(
        'authorization',
        `HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=${signature}`,
      );
      return next(request);
    },
  };
}
