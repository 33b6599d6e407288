import { describe, expect, it } from 'vitest';
import { call } from '../support/call.js';
import { runningService } from '../support/running-service.js';
import { issue } from '../support/tokens-api.js';

const service = runningService();

describe('GET /health/live and GET /health/ready', () => {
  it('200: need no token', async () => {
    expect((await call(service().url, 'get', '/health/live')).body).toEqual({ status: 'live' });
    await expect
      .poll(async () => (await call(service().url, 'get', '/health/ready')).status)
      .toBe(200);
    const { body } = await call(service().url, 'get', '/health/ready');
    expect(body.parts).toMatchObject({ database: 'ready', schema: 'ready' });
  });
});

describe('GET /metrics', () => {
  it('200: counts requests by route, with no identifier in any label', async () => {
    await issue(service(), 'alice');
    const text = await (await fetch(`${service().url}/metrics`)).text();
    expect(text).toContain(
      'http_request_duration_seconds_count{method="POST",route="/v1/me/tokens",status="200"}',
    );
    expect(text).not.toMatch(/8:acs:|eyJ/);
  });
});

describe('GET /docs and GET /openapi.json', () => {
  it('200: serve the interactive documentation and the OpenAPI document', async () => {
    const page = await fetch(`${service().url}/docs`);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('swagger-ui');
    const document = await fetch(`${service().url}/openapi.json`);
    expect(document.status).toBe(200);
  });
});
