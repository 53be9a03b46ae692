/** `coffer trail verify` and `coffer trail tail`. */
export async function run(args: string[]): Promise<void> {
  const [name = '', ...rest] = args;
  switch (name) {
    case 'verify':
      return (await import('./trail-verify.ts')).run(rest);
    case 'tail':
      return (await import('./trail-tail.ts')).run(rest);
    default:
      process.stderr.write(
        [
          ...(name === '' ? [] : [`coffer trail: there is no command \`${name}\``, '']),
          'usage:',
          '  coffer trail verify [--config FILE | --trail FOLDER] [--public-key FILE] [--anchor FILE] [--json]',
          '  coffer trail tail   [--config FILE | --trail FOLDER] [-n 20] [-f | --follow]',
          '',
        ].join('\n'),
      );
      process.exitCode = 64;
  }
}
