import { Controller, Get } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { Public, RequirePermission } from './access-rule.js';
import {
  assertEveryRouteDeclaresAccess,
  listRouteAccess,
} from './assert-every-route-declares-access.js';

@Controller('good')
class GoodController {
  @Get()
  @Public('nothing to protect')
  all(): void {
    // Answers nothing.
  }

  @Get(':id')
  @RequirePermission('AuditLog.Read.All')
  one(): void {
    // Answers nothing.
  }
}

@Controller('bad')
class BadController {
  @Get('open')
  forgotten(): void {
    // Answers nothing.
  }

  @Get('twice')
  @Public('a slip')
  @RequirePermission('AuditLog.Read.All')
  contradictory(): void {
    // Answers nothing.
  }
}

describe('assertEveryRouteDeclaresAccess', () => {
  it('accepts an application whose routes each declare one rule, and lists them', async () => {
    const module = await Test.createTestingModule({ controllers: [GoodController] }).compile();
    expect(() => {
      assertEveryRouteDeclaresAccess(module);
    }).not.toThrow();
    expect(listRouteAccess(module).map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /good',
      'GET /good/:id',
    ]);
  });

  it('lists every route that declares none or several', async () => {
    const module = await Test.createTestingModule({
      controllers: [GoodController, BadController],
    }).compile();
    expect(() => {
      assertEveryRouteDeclaresAccess(module);
    }).toThrow(
      /GET \/bad\/open \(BadController\.forgotten\) declares no access rule\n {2}GET \/bad\/twice \(BadController\.contradictory\) declares 2 access rules$/,
    );
  });
});
