import tseslint from 'typescript-eslint';
import boundaries from 'eslint-plugin-boundaries';

/** The arrows of the architecture: what each part may import. */
const arrows = {
  platform: [],
  'transparency-log': [],
  audit: ['transparency-log', 'secrets', 'platform'],
  secrets: ['platform'],
  authentication: ['audit', 'platform'],
  'communication-services': ['secrets', 'audit', 'platform'],
  'identity-mapping': ['communication-services', 'audit', 'platform'],
  'token-issuance': ['identity-mapping', 'communication-services', 'audit', 'secrets', 'platform'],
};

export default tseslint.config(
  { ignores: ['dist', 'node_modules', '.local', 'coverage'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    plugins: { boundaries },
    settings: {
      'boundaries/elements': [
        { type: 'app', pattern: 'apps/*', capture: ['name'] },
        { type: 'lib', pattern: 'libs/*', capture: ['name'] },
        { type: 'test', pattern: '{test,bench,scripts}' },
      ],
    },
    rules: {
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/promise-function-async': 'error',
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/consistent-type-imports': 'off',
      'no-console': 'error',
    },
  },
  {
    files: ['apps/cli/**', 'apps/local/**', 'apps/emulator/**', 'bench/**', 'test/**', 'scripts/**'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['**/*.spec.ts', 'test/**'],
    rules: {
      '@typescript-eslint/unbound-method': 'off',
    },
  },
);

export { arrows };
