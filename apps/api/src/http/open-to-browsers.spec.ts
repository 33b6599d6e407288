import { Controller, Get, Post, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { Public } from '#libs/authentication';
import {
  type BrowserAccess,
  browserAccessOf,
  isBelow,
  OpenToBrowsers,
} from './open-to-browsers.js';

@OpenToBrowsers({ requestHeaders: ['x-kind'] })
@Controller(['v1/me', '/v1/own/'])
class CallersController {
  @Post('tokens')
  @Public('a test')
  issue(): void {
    // Only its declaration counts.
  }
}

async function accessOf(...controllers: Type[]): Promise<BrowserAccess> {
  return browserAccessOf(await Test.createTestingModule({ controllers }).compile());
}

describe('browserAccessOf', () => {
  it('has the paths and the methods of controllers that are open', async () => {
    @Controller('v1/meals')
    class MealsController {
      @Get()
      @Public('a test')
      list(): void {
        // Only its declaration counts.
      }
    }
    expect(await accessOf(CallersController, MealsController)).toEqual({
      prefixes: ['/v1/me', '/v1/own'],
      methods: ['POST'],
      requestHeaders: ['x-kind'],
    });
  });

  it('refuses a controller that another one would open', async () => {
    @Controller('v1')
    class AdministrationController {
      @Get('me/administration')
      @Public('a test')
      list(): void {
        // Only its declaration counts.
      }
    }
    await expect(accessOf(CallersController, AdministrationController)).rejects.toThrow(
      /GET \/v1\/me\/administration \(AdministrationController\.list\)/,
    );
  });

  it.each(['', '/', ':tenant/me', '*'])(
    'refuses a path that would open others, or nothing: %j',
    async (path) => {
      @OpenToBrowsers()
      @Controller(path)
      class OpenController {
        @Get('list')
        @Public('a test')
        list(): void {
          // Only its declaration counts.
        }
      }
      await expect(accessOf(OpenController)).rejects.toThrow(/constant path/);
    },
  );

  it('opens no class that only inherits the declaration', async () => {
    @Controller('v1/administration')
    class DerivedController extends CallersController {
      @Get('list')
      @Public('a test')
      list(): void {
        // Only its declaration counts.
      }
    }
    expect((await accessOf(DerivedController)).prefixes).toEqual([]);
  });
});

describe('isBelow', () => {
  it.each([
    ['/v1/me', true],
    ['/v1/me/', true],
    ['/v1/me/tokens', true],
    ['/v1/meals', false],
    ['/v1', false],
    ['/v1/ME/tokens', false],
    ['//v1/me/tokens', false],
    ['', false],
  ])('compares whole segments: %s', (path, expected) => {
    expect(isBelow(path, ['/v1/me'])).toBe(expected);
  });
});
