import { type DynamicModule, Module } from '@nestjs/common';
import { readSettings, type Settings } from './settings.js';

/** Makes settings injectable by their keys, in every module. Imported once, by the composition root. */
@Module({})
export class SettingsModule {
  /**
   * @param otherNames see `readSettings`
   * @throws InvalidSettings with every fault of every module
   */
  static forRoot(
    modules: readonly Settings[],
    environment: Readonly<Record<string, string | undefined>>,
    otherNames: readonly string[] = [],
  ): DynamicModule {
    const values = readSettings(modules, environment, otherNames);
    return {
      module: SettingsModule,
      global: true,
      providers: modules.map(({ key }) => ({ provide: key, useValue: values.get(key) })),
      exports: modules.map(({ key }) => key),
    };
  }
}
