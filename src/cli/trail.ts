/** `coffer trail verify`. */
export async function run(args: string[]): Promise<void> {
  const [name = '', ...rest] = args;
  switch (name) {
    case 'verify':
      return (await import('./trail-verify.ts')).run(rest);
    default:
      process.stderr.write(
        [
          ...(name === '' ? [] : [`coffer trail: there is no command \`${name}\``, '']),
          'usage:',
          '  coffer trail verify [--config FILE | --trail FOLDER] [--public-key FILE] [--anchor FILE] [--json]',
          '',
        ].join('\n'),
      );
      process.exitCode = 64;
  }
}
