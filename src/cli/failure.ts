/** Says on stderr why a command can't go on: for a person, in one paragraph, without a stack. */
export function reportFailure(command: string, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`coffer ${command}: ${message}\n`);
  if (process.env.COFFER_DEBUG !== undefined) console.error(error);
  process.exitCode = 1;
}
