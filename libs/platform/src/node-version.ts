/** The oldest Node that the programs are built for and tested on. */
const MIN_MAJOR = 24;

/**
 * Ends the process with one sentence on a Node that is too old. A program calls it before it imports
 * anything else: on an old Node, imports end in a SyntaxError.
 */
export function requireNode(): void {
  if (Number(process.versions.node.split('.', 1)[0]) >= MIN_MAJOR) return;
  process.stderr.write(
    `This program needs Node.js ${MIN_MAJOR} or later and this is ${process.version}: install Node.js ${MIN_MAJOR}, or use the npm script (npm start, npm run -s acs-identity -- …), which runs on the Node.js that npm ci installs.\n`,
  );
  process.exit(1);
}
