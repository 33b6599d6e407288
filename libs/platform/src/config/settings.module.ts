import { type DynamicModule, Module } from '@nestjs/common';
import { readSettings, type Settings } from './settings.js';

/** Makes the settings of all parts injectable by their keys. Imported once, by the composition root. */
@Module({})
export class SettingsModule {
  /** @throws InvalidSettings when any variable of any part is at fault */
  static forRoot(
    parts: readonly Settings[],
    environment: Readonly<Record<string, string | undefined>>,
  ): DynamicModule {
    const values = readSettings(parts, environment);
    return {
      module: SettingsModule,
      global: true,
      providers: parts.map(({ key }) => ({ provide: key, useValue: values.get(key) })),
      exports: parts.map(({ key }) => key),
    };
  }
}
