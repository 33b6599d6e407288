import { Controller, Get } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { Public, RequirePermission } from './access-rule.js';
import {
  assertEveryRouteDeclaresAccess,
  listRouteAccess,
} from './assert-every-route-declares-access.js';

@Controller('valid')
class ValidController {
  @Get()
  @Public('no data')
  all(): void {
    // No content.
  }

  @Get(':id')
  @RequirePermission('AuditLog.Read.All')
  one(): void {
    // No content.
  }
}

@Controller('faulty')
class FaultyController {
  @Get('none')
  undeclared(): void {
    // No content.
  }

  @Get('twice')
  @Public('no data')
  @RequirePermission('AuditLog.Read.All')
  contradictory(): void {
    // No content.
  }
}

describe('assertEveryRouteDeclaresAccess', () => {
  it('accepts an application whose routes declare one rule each, and lists them', async () => {
    const module = await Test.createTestingModule({ controllers: [ValidController] }).compile();
    expect(() => {
      assertEveryRouteDeclaresAccess(module);
    }).not.toThrow();
    expect(listRouteAccess(module).map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /valid',
      'GET /valid/:id',
    ]);
  });

  it('rejects an application and lists the routes that declare no rule or several', async () => {
    const module = await Test.createTestingModule({
      controllers: [ValidController, FaultyController],
    }).compile();
    expect(() => {
      assertEveryRouteDeclaresAccess(module);
    }).toThrow(
      /GET \/faulty\/none \(FaultyController\.undeclared\) declares no access rule\n {2}GET \/faulty\/twice \(FaultyController\.contradictory\) declares 2 access rules$/,
    );
  });
});
