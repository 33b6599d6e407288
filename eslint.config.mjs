import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

export default defineConfig(
  { ignores: ['**/dist', 'node_modules', '.local', 'coverage', 'libs/client/src/api.ts'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/promise-function-async': 'error',
      // Nest's modules are classes whose decorator is all there is to them.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `const { secret: _secret, ...rest }` is how a member is left out.
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_' }],
      'no-console': 'error',
    },
  },
  {
    // Their standard output is for people.
    files: [
      'apps/{cli,local,emulator}/**',
      'bench/**',
      'test/chaos/**',
      'test/support/**',
      'scripts/**',
    ],
    rules: { 'no-console': 'off' },
  },
  {
    // `expect(object.method)` only looks at the method.
    files: ['**/*.spec.ts', '**/*.contract.ts'],
    rules: { '@typescript-eslint/unbound-method': 'off' },
  },
  {
    // Bodies of answers are held against the OpenAPI document when the tests run, not against types.
    files: ['test/**'],
    rules: {
      '@typescript-eslint/explicit-function-return-type': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  },
);
