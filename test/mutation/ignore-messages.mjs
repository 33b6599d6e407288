/** Calls whose texts are for people: log lines, and what zod says of a setting. */
const SPEAKING_CALL = /^(debug|info|warn|error|describe|refine)$/;

/**
 * Stryker's ignore-plugin `messages`: leaves texts for people as they are, because a test of their
 * wording would only repeat it. Every other text decides something: names, codes, statements.
 */
export const strykerPlugins = [
  {
    kind: 'Ignore',
    name: 'messages',
    value: {
      shouldIgnore: (path) =>
        (path.isStringLiteral() || path.isTemplateLiteral()) && isMessage(path)
          ? 'a text for people'
          : undefined,
    },
  },
];

function isMessage(path) {
  const { parent, parentPath, listKey } = path;
  if (parentPath.isConditionalExpression()) return isMessage(parentPath);
  // The description of a metric.
  if (parentPath.isObjectProperty()) return parent.key.name === 'help';
  if (listKey !== 'arguments') return false;
  if (SPEAKING_CALL.test(parent.callee.property?.name)) return true;
  // Messages of errors are sentences; other arguments of constructors are names and codes.
  const isError = parentPath.isNewExpression() || parent.callee.type === 'Super';
  return isError && path.getSource().includes(' ');
}
