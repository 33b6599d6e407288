import { type DynamicModule, Module } from '@nestjs/common';
import { checkEnvironment, type EnvironmentCheck, type Settings, valuesOf } from './settings.js';

/** Makes settings injectable by their keys, in every module. Imported once, by the composition root. */
@Module({})
export class SettingsModule {
  /**
   * @param otherNames see `checkEnvironment`
   * @throws InvalidSettings with every fault of every module
   */
  static forRoot(
    modules: readonly Settings[],
    environment: Readonly<Record<string, string | undefined>>,
    otherNames: readonly string[] = [],
  ): DynamicModule {
    return this.forCheck(modules, checkEnvironment(modules, environment, otherNames));
  }

  /**
   * @param check the result of `checkEnvironment` for these modules
   * @throws InvalidSettings with every fault of every module
   */
  static forCheck(modules: readonly Settings[], check: EnvironmentCheck): DynamicModule {
    const values = valuesOf(check);
    return {
      module: SettingsModule,
      global: true,
      providers: modules.map(({ key }) => ({ provide: key, useValue: values.get(key) })),
      exports: modules.map(({ key }) => key),
    };
  }
}
