import { afterEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { Module } from '@nestjs/common';
import { defineSettings } from '#libs/platform';
import { SecretStore } from '#libs/secrets';
import { createProgram } from './program.js';
import { standardOutput } from './standard-output.js';

@Module({})
class OtherStoreModule {}

const otherStore = {
  ports: [SecretStore],
  modules: [OtherStoreModule],
  settings: [
    defineSettings(
      'other store',
      z.object({ OTHER_STORE_URL: z.string().describe('address of the other store') }),
      (variables) => variables,
    ),
  ],
};

describe('createProgram with replace', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('gives commands the adapters of the host, with their settings', async () => {
    const lines: string[] = [];
    vi.spyOn(standardOutput, 'write').mockImplementation((text) => void lines.push(text));
    await createProgram({ replace: [otherStore] }).parseAsync(['config', 'list'], { from: 'user' });
    const text = lines.join('');
    expect(text).toContain('OTHER_STORE_URL (required)\n    address of the other store');
    expect(text).not.toContain('KEY_VAULT_URL');
  });
});
