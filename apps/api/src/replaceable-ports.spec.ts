import type { INestApplicationContext } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import { describe, expect, it } from 'vitest';
import { AuditTrail } from '#libs/audit';
import { adapters, type Port } from '#libs/composition';
import { Clock, Logger, SystemClock } from '#libs/platform';
import { MemoryLogger } from '#libs/platform/testing';
import { IdentityMap } from '#libs/identity-mapping';
import { AzureCredential, keyVaultSettings, SecretStore } from '#libs/secrets';
import { MemorySecretStore } from '#libs/secrets/testing';
import { placeholderEnvironment } from '../../../scripts/placeholder-environment.js';
import { createApi } from './create-api.js';

/** An instance of the port every method of which rejects. */
function standIn(port: Port): object {
  return new Proxy(Object.create(port.prototype as object) as object, {
    get: (target, name): unknown =>
      name in target || typeof name === 'symbol' || /^(then|on[A-Z]|before[A-Z])/.test(name)
        ? Reflect.get(target, name)
        : async () => Promise.reject(new Error(`stand-in for ${port.name}`)),
  });
}

/** A replacement that the service works with, where a stand-in would end it. */
function fakeOf(port: Port): object {
  if (port === Clock) return new SystemClock();
  if (port === SecretStore) return new MemorySecretStore(new SystemClock());
  if (port === AzureCredential) return { getToken: async () => Promise.resolve(null) };
  return port === Logger ? new MemoryLogger() : standIn(port);
}

/** What each class and factory that asks for the port was given, by the name of its provider. */
function injectedAs(port: Port, app: INestApplicationContext): Map<string, unknown> {
  const injected = new Map<string, unknown>();
  for (const module of app.get(ModulesContainer).values()) {
    for (const wrapper of [...module.providers.values(), ...module.controllers.values()]) {
      const dependencies = wrapper.getCtorMetadata() as InstanceWrapper[] | undefined; // absent where there are none
      const dependency = dependencies?.find(({ token }) => token === port);
      if (dependency) injected.set(`${module.name} ${String(wrapper.name)}`, dependency.instance);
    }
  }
  return injected;
}

const units = adapters.map(({ ports }) => ({
  name: ports.map((port) => port.name).join(' and '),
  ports,
}));

describe('createApi with replace', () => {
  it.each(units)('gives every class that asks for $name the replacement', async ({ ports }) => {
    const fakes = new Map(ports.map((port) => [port, fakeOf(port)]));
    const app = await createApi(placeholderEnvironment, {
      replace: [...fakes].map(([provide, useValue]) => ({ provide, useValue })),
    });
    try {
      for (const [port, fake] of fakes) {
        const injected = injectedAs(port, app);
        expect(injected.size, `${port.name} is injected somewhere`).toBeGreaterThan(0);
        for (const [name, value] of injected) expect(value === fake, name).toBe(true);
        expect(app.get(port) === fake).toBe(true);
      }
    } finally {
      await app.close();
    }
  });

  it('needs no setting of an adapter that is replaced', async () => {
    const own = keyVaultSettings.variables.map(({ name }) => name);
    const environment = Object.fromEntries(
      Object.entries(placeholderEnvironment).filter(([name]) => !own.includes(name)),
    );
    await expect(createApi(environment)).rejects.toThrow('KEY_VAULT_URL');
    const replace = adapters
      .filter(({ settings }) => settings?.includes(keyVaultSettings))
      .flatMap(({ ports }) => ports.map((port) => ({ provide: port, useValue: fakeOf(port) })));
    const app = await createApi(environment, { replace });
    await app.close();
  });

  it('refuses half of a unit, a port twice, and what is no port', async () => {
    const trail = { provide: AuditTrail, useValue: standIn(AuditTrail) };
    await expect(createApi(placeholderEnvironment, { replace: [trail] })).rejects.toThrow(
      'AuditTrail and IdentityMap and AssignmentStore are one unit: replace IdentityMap, AssignmentStore as well',
    );
    const map = { provide: IdentityMap, useValue: standIn(IdentityMap) };
    await expect(
      createApi(placeholderEnvironment, { replace: [trail, trail, map] }),
    ).rejects.toThrow('AuditTrail is replaced twice');
    const unknown = { provide: 'SecretStore', useValue: standIn(SecretStore) };
    await expect(createApi(placeholderEnvironment, { replace: [unknown] })).rejects.toThrow(
      'SecretStore is not a port; ports are',
    );
  });
});
